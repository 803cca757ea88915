// What floats above the timeline under the pointer: a small picture, the time, and what is or is not recorded there.

import { rangeAt } from './spans.js';
import { clockText, shortDateText } from './times.js';
import { markTitle } from './words.js';
import { el, setText } from '../ui/dom.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./timeline.js').TimelineView} TimelineView
 * @typedef {import('./thumbs.js').Thumbs} Thumbs
 */

/** An event is named when the pointer is this near: 8 px. */
const NEAR_PX = 8;

export class Popup {
  canvas = el('canvas', { class: 'tl-thumb', 'data-width': '240' });
  #time = el('strong', {});
  #words = el('span', {});
  #session;
  /** @type {TimelineView | null} */
  timeline = null;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    this.element = el('div', { class: 'tl-popup', hidden: true, 'aria-hidden': 'true' }, this.canvas, this.#time, this.#words);
  }

  /**
   * @param {number | null} time null hides it
   * @returns {boolean} whether there is a picture of that moment
   */
  show(time) {
    const { timeline } = this;
    const { data } = this.#session;
    this.element.hidden = time === null || !timeline;
    if (time === null || !timeline || !data) return false;
    const isRecorded = rangeAt(data.timeline.spans, time) !== null;
    this.canvas.hidden = !isRecorded;
    if (!isRecorded) delete this.canvas.dataset.painted;
    setText(this.#time, `${shortDateText(time)} ${clockText(time)}`);
    const near = data.timeline.events.filter(({ from }) => Math.abs(timeline.xOf(from) - timeline.xOf(time)) < NEAR_PX);
    // A gap that is three pixels wide has to be found, too.
    const thin = this.#session.gaps.find(({ from, to }) => timeline.xOf(from) - 2 < timeline.xOf(time) && timeline.xOf(to) + 2 > timeline.xOf(time));
    const recorded = thin && isRecorded ? this.#session.wordsAt((thin.from + thin.to) / 2) : this.#session.wordsAt(time);
    const words = near.length > 0 ? near.slice(0, 3).map(markTitle).join('; ') : recorded === 'recorded' ? '' : recorded;
    setText(this.#words, words);
    this.#place(timeline.xOf(time), timeline.width);
    return isRecorded;
  }

  /**
   * @param {number} x
   * @param {number} width
   */
  #place(x, width) {
    const half = this.element.offsetWidth / 2;
    this.element.style.left = `${Math.min(Math.max(x, half), Math.max(half, width - half))}px`;
  }
}

// One stream in the list. The row is built once and then only changed, so that focus and layout stay.

import { detailsView } from './details.js';
import { stateReason, stateText, stateTone } from './state.js';
import { bitrate, count, sinceThen, trackCodecs, UNKNOWN, videoShape } from '../format.js';
import { el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('../control/types.js').Stream} Stream
 * @typedef {import('../recordings/types.js').RecordedStream} RecordedStream
 */

/**
 * @typedef {object} RowActions
 * @property {(name: string) => void} onWatch
 * @property {(name: string) => void} onLinks
 * @property {(name: string) => void} onRemove
 */

let rows = 0;

export class StreamRow {
  #name;
  #pill = el('span', { class: 'pill' });
  #reason = el('p', { class: 'row-reason' });
  #media = metric('Codecs', 'metric-media');
  #shape = el('small', {});
  #rate = metric('Bit rate', 'metric-rate');
  #viewers = metric('Viewers', 'metric-viewers');
  #uptime = metric('Duration', 'metric-uptime');
  #recordings;
  #details = el('div', { class: 'row-details', id: `details-${(rows += 1)}`, hidden: true });
  #unfold = iconButton('chevron', 'Details');
  /** @type {Stream | null} */
  #stream = null;

  /**
   * @param {string} name
   * @param {RowActions} actions
   */
  constructor(name, { onWatch, onLinks, onRemove }) {
    this.#name = name;
    const title = el('button', { type: 'button', class: 'row-name', title: `Watch ${name}` }, name);
    const watch = iconButton('play', `Watch ${name}`);
    const links = iconButton('link', `Links for ${name}`);
    const remove = iconButton('trash', `Remove ${name}`);
    this.#recordings = el('a', { class: 'icon-button row-recordings', href: `recordings.html?src=${encodeURIComponent(name)}`, hidden: true }, icon('film'));
    this.#media.box.append(this.#shape);
    this.#unfold.classList.add('row-unfold');
    this.#unfold.setAttribute('aria-expanded', 'false');
    this.#unfold.setAttribute('aria-controls', this.#details.id);
    this.#unfold.setAttribute('aria-label', `Details of ${name}`);
    this.element = el(
      'li',
      { class: 'row', tabindex: '-1' },
      this.#unfold,
      el('div', { class: 'row-head' }, title, this.#reason),
      el('div', { class: 'row-state' }, this.#pill),
      this.#media.box,
      this.#rate.box,
      this.#viewers.box,
      this.#uptime.box,
      el('div', { class: 'row-actions' }, this.#recordings, watch, links, remove),
      this.#details,
    );
    for (const button of [title, watch]) button.addEventListener('click', () => onWatch(name));
    links.addEventListener('click', () => onLinks(name));
    remove.addEventListener('click', () => onRemove(name));
    this.#unfold.addEventListener('click', () => this.#toggle());
  }

  get name() {
    return this.#name;
  }

  /**
   * @param {Stream} stream
   * @param {number} nowMs
   */
  show(stream, nowMs) {
    this.#stream = stream;
    const live = stream.state === 'live';
    this.element.classList.toggle('row-quiet', stream.tracks.length === 0);
    this.#pill.dataset.tone = stateTone(stream.state);
    setText(this.#pill, stateText(stream.state));
    setText(this.#reason, stateReason(stream.state, stream.reason));
    this.#reason.title = stream.reason ?? '';
    setText(this.#media.value, trackCodecs(stream.tracks));
    setText(this.#shape, videoShape(stream.tracks));
    setText(this.#rate.value, live ? bitrate(stream.bitrate_in) : UNKNOWN);
    setText(this.#viewers.value, String(stream.readers.length));
    this.#viewers.box.title = count(stream.readers.length, 'viewer');
    setText(this.#uptime.value, sinceThen(stream.since, nowMs));
    this.#uptime.box.title = `${stateText(stream.state)} since ${new Date(stream.since).toLocaleString()}`;
    if (!this.#details.hidden) this.#showDetails(nowMs);
  }

  /**
   * Shows the way to the recordings, if there are some.
   * @param {RecordedStream | undefined} recorded
   */
  showRecordings(recorded) {
    this.#recordings.hidden = !recorded;
    if (!recorded) return;
    const isRecording = recorded.recordings.some(({ state }) => state === 'recording');
    const label = `Recordings of ${this.#name}${isRecording ? ', recording now' : ''}`;
    this.#recordings.dataset.recording = String(isRecording);
    this.#recordings.setAttribute('aria-label', label);
    this.#recordings.title = label;
  }

  /** Draws the eye to the row: it was just added. */
  highlight() {
    this.element.classList.remove('row-new');
    this.element.scrollIntoView({ block: 'nearest' });
    this.element.classList.add('row-new');
  }

  #toggle() {
    this.#details.hidden = !this.#details.hidden;
    this.#unfold.setAttribute('aria-expanded', String(!this.#details.hidden));
    if (!this.#details.hidden) this.#showDetails(Date.now());
  }

  /** @param {number} nowMs */
  #showDetails(nowMs) {
    const selected = getSelection();
    // Text that somebody is marking to copy is not taken from under the pointer.
    if (!this.#stream || (selected && !selected.isCollapsed && this.#details.contains(selected.anchorNode))) return;
    const content = detailsView(this.#stream, nowMs);
    if (content.length === 0) content.push(el('p', { class: 'muted' }, 'No sources and no viewers.'));
    this.#details.replaceChildren(...content);
  }
}

/**
 * @param {string} label
 * @param {string} kind
 */
function metric(label, kind) {
  const value = el('span', { class: 'metric-value' }, UNKNOWN);
  return { value, box: el('div', { class: `metric ${kind}` }, el('span', { class: 'metric-label' }, label), value) };
}

/**
 * @param {import('../ui/icons.js').IconName} name
 * @param {string} label
 */
function iconButton(name, label) {
  return el('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label }, icon(name));
}

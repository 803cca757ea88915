// The timeline: ruler, what is recorded and what is not, events, protected ranges, marks and the playhead. It draws the
// session and reports what the hand does (`gestures.js`).

import { handleGestures } from './gestures.js';
import { clusters } from './marks.js';
import { shapes } from './spans.js';
import { ticks, xOf } from './scale.js';
import { markedRange } from './selection.js';
import { momentText } from './times.js';
import { markTitle } from './words.js';
import { el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./types.js').Mark} Mark
 * @typedef {import('./gestures.js').GestureHandlers} GestureHandlers
 */

/** Thinnest drawing of a gap: 3 px, so that one of a second is seen on a day. */
const GAP_PX = 3;
const SPAN_PX = 1;

export class TimelineView {
  #session;
  #ruler = el('div', { class: 'tl-ruler', 'aria-hidden': 'true' });
  #spans = el('div', { class: 'tl-layer' });
  #gaps = el('div', { class: 'tl-layer' });
  #kept = el('div', { class: 'tl-layer' });
  #marks = el('div', { class: 'tl-marks' });
  #future = el('div', { class: 'tl-future' });
  #past = el('div', { class: 'tl-past' });
  #selection = el('div', { class: 'tl-selection', hidden: true });
  #flags = { a: flag('a'), b: flag('b') };
  #head = el('div', { class: 'tl-playhead' }, el('span', { class: 'tl-grip' }));
  #track;
  #frame;
  #isDrawing = false;

  /**
   * @param {Session} session
   * @param {GestureHandlers} handlers
   * @param {(mark: Mark) => void} onMark
   */
  constructor(session, handlers, onMark) {
    this.#session = session;
    this.#track = el(
      'div',
      { class: 'tl-track', role: 'slider', tabindex: '0', 'aria-label': 'Time of the picture', 'aria-describedby': 'timeline-keys' },
      this.#past, this.#spans, this.#gaps, this.#future, this.#kept, this.#selection,
    );
    const keys = el('span', { id: 'timeline-keys', class: 'unseen' }, 'Arrow keys move by ten seconds, plus and minus zoom, question mark shows all keys.');
    this.#frame = el('div', { class: 'tl-frame' }, this.#ruler, this.#marks, this.#track, this.#flags.a, this.#flags.b, this.#head, keys);
    this.element = this.#frame;
    handleGestures(this.#frame, () => this.#session.view, handlers);
    this.#marks.addEventListener('click', ({ target }) => {
      const at = target instanceof Element ? target.closest('[data-mark]') : null;
      const id = Number(at?.getAttribute('data-mark'));
      const mark = this.#session.data?.timeline.events.find((one) => one.id === id);
      if (at && mark) onMark(mark);
    });
    new ResizeObserver(() => this.#drawSoon()).observe(this.#frame);
    for (const kind of ['view', 'data', 'overview', 'marks', 'stream']) session.addEventListener(kind, () => this.#drawSoon());
    session.addEventListener('time', () => this.#placeHead());
  }

  get width() {
    return this.#frame.clientWidth;
  }

  /** Where a moment stands, from the left edge. @param {number} time */
  xOf(time) {
    return xOf(this.#session.view, this.width, time);
  }

  /** Many changes, one drawing. */
  #drawSoon() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #draw() {
    const { view, data, limits } = this.#session;
    const width = this.width;
    const timeline = data?.timeline;
    place(this.#past, 0, this.xOf(limits.from));
    place(this.#future, this.xOf(limits.to), width - this.xOf(limits.to));
    this.#drawRuler(width);
    fill(this.#spans, shapes(timeline?.spans ?? [], view, width, SPAN_PX), 'tl-span');
    fill(this.#gaps, shapes(this.#session.gaps, view, width, GAP_PX), 'tl-gap');
    fill(this.#kept, shapes(timeline?.protected ?? [], view, width, GAP_PX), 'tl-kept');
    this.#drawMarks(timeline?.events ?? [], width);
    this.#drawSelection();
    this.#placeHead();
    this.#frame.dataset.known = String(data?.loaded != null);
  }

  /** @param {number} width */
  #drawRuler(width) {
    const marks = ticks(this.#session.view, width);
    resize(this.#ruler, marks.length, () => el('span', { class: 'tl-tick' }));
    marks.forEach(({ time, label, day }, at) => {
      const tick = /** @type {HTMLElement} */ (this.#ruler.children[at]);
      tick.style.left = `${this.xOf(time)}px`;
      tick.classList.toggle('tl-tick-day', day);
      setText(tick, label);
    });
  }

  /**
   * @param {Mark[]} events
   * @param {number} width
   */
  #drawMarks(events, width) {
    const groups = clusters(events, this.#session.view, width);
    resize(this.#marks, groups.length, () => el('button', { type: 'button', class: 'tl-mark', tabindex: '-1' }));
    groups.forEach(({ x, marks }, at) => {
      const button = /** @type {HTMLElement} */ (this.#marks.children[at]);
      const [first] = marks;
      const text = marks.length === 1 && first ? markTitle(first) : `${marks.length} events`;
      button.style.left = `${x}px`;
      button.dataset.mark = String(first?.id);
      button.dataset.kind = new Set(marks.map(({ kind }) => kind)).size === 1 ? first?.kind : 'several';
      button.setAttribute('aria-label', text);
      // Their list says it to screen readers; here are only their places.
      button.setAttribute('aria-hidden', 'true');
    });
  }

  #drawSelection() {
    const { marks } = this.#session;
    const range = markedRange(marks);
    this.#selection.hidden = range === null;
    if (range) place(this.#selection, this.xOf(range.from), this.xOf(range.to) - this.xOf(range.from));
    for (const which of /** @type {const} */ (['a', 'b'])) {
      const time = marks[which];
      const x = time === null ? -1 : this.xOf(time);
      this.#flags[which].hidden = time === null || x < 0 || x > this.width;
      this.#flags[which].style.left = `${x}px`;
    }
  }

  #placeHead() {
    const { time, limits } = this.#session;
    const x = this.xOf(time);
    this.#head.hidden = x < 0 || x > this.width;
    this.#head.style.translate = `${x}px 0`;
    const text = `${momentText(time)}, ${this.#session.wordsAt(time)}`;
    // Once a second is often enough for what is read out.
    if (this.#track.getAttribute('aria-valuetext') === text) return;
    this.#track.setAttribute('aria-valuemin', String(Math.floor(limits.from / 1000)));
    this.#track.setAttribute('aria-valuemax', String(Math.ceil(limits.to / 1000)));
    this.#track.setAttribute('aria-valuenow', String(Math.floor(time / 1000)));
    this.#track.setAttribute('aria-valuetext', text);
  }
}

/** @param {'a' | 'b'} which */
function flag(which) {
  return el('div', { class: `tl-flag tl-flag-${which}`, 'data-flag': which, hidden: true, 'aria-hidden': 'true' }, el('span', {}, which.toUpperCase()));
}

/**
 * @param {HTMLElement} element
 * @param {number} left
 * @param {number} width
 */
function place(element, left, width) {
  element.style.left = `${left}px`;
  element.style.width = `${Math.max(0, width)}px`;
}

/**
 * @param {HTMLElement} layer
 * @param {{ left: number, width: number }[]} drawn
 * @param {string} kind
 */
function fill(layer, drawn, kind) {
  resize(layer, drawn.length, () => {
    const shape = el('div', { class: kind });
    if (kind === 'tl-kept') shape.append(icon('lock'));
    return shape;
  });
  drawn.forEach(({ left, width }, at) => place(/** @type {HTMLElement} */ (layer.children[at]), left, width));
}

/**
 * As many children as needed, of those that are there.
 * @param {HTMLElement} parent
 * @param {number} count
 * @param {() => HTMLElement} make
 */
function resize(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild?.remove();
  while (parent.children.length < count) parent.append(make());
}

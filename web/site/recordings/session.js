// What the page shows: which stream, which part of its time, where the playhead is, what is marked. Owns the poll.
// Everything on screen listens to it; nothing on screen is known to it.

import { getOverview } from './api.js';
import { StreamData } from './data.js';
import { bounded, centred, endingAt, followed, lengthOf, panned, revealed, zoomed } from './scale.js';
import { withMark } from './selection.js';
import { rangeAt } from './spans.js';
import { dayKey, dayRange, HOUR_MS, MINUTE_MS, SECOND_MS } from './times.js';
import { gapText } from './words.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Overview} Overview
 * @typedef {import('./types.js').RecordedStream} RecordedStream
 * @typedef {import('./selection.js').Marks} Marks
 */

/** State and newest media are looked at every 5 s: segments are indexed about as often. */
const POLL_MS = 5_000;
/** At first the newest six hours are in view: most people come for what just happened. */
const FIRST_VIEW_MS = 6 * HOUR_MS;
/** "The newest" is 10 s before the end, so that there is something to play. */
const NEWEST_MS = 10 * SECOND_MS;
/** What is written now is in the index within a segment's part and a poll: 20 s are not called a gap. */
const TAIL_MS = 20 * SECOND_MS;

/**
 * Emits `overview`, `stream`, `data`, `reload` (of everything), `view`, `time`, `marks`, `reachable`, `read-only`, and `failure` (detail: Error).
 */
export class Session extends EventTarget {
  /** @type {Overview | null} */
  overview = null;
  /** @type {StreamData | null} */
  data = null;
  /** @type {Range} */
  view = { from: Date.now() - FIRST_VIEW_MS, to: Date.now() };
  /** Where the playhead is. */
  time = Date.now();
  /** @type {Marks} */
  marks = { a: null, b: null };
  reachable = true;
  /** The visitor may not change anything, as far as is known. */
  readOnly = false;
  /** @type {import('./types.js').Gap[]} */
  #gaps = [];
  /** What the gaps were made of. @type {{ timeline: import('./types.js').Timeline | null, from: number, until: number }} */
  #gapsOf = { timeline: null, from: 0, until: 0 };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Looks now, and from then on for as long as the page is shown. */
  async start() {
    document.addEventListener('visibilitychange', () => {
      clearTimeout(this.#timer);
      if (!document.hidden) void this.#poll();
    });
    await this.#poll();
  }

  async #poll() {
    await this.refresh();
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  async refresh() {
    try {
      this.overview = await getOverview();
      this.#setReachable(true);
      const { storages } = this.overview;
      // Where storages are is told only to those who may change something.
      if (storages.length > 0) this.setReadOnly(storages.every(({ path }) => path === undefined));
      this.#emit('overview');
    } catch (error) {
      this.#setReachable(false);
      if (!this.overview) this.fail(error);
    }
    // What failed is tried again; what is there is renewed.
    await this.data?.show(this.view);
    await this.data?.refresh();
  }

  /** The chosen stream as the overview has it. */
  get recorded() {
    return this.overview?.streams.find(({ stream }) => stream === this.data?.stream) ?? null;
  }

  /** From the oldest media to now: what can be looked at. Without any media, that is this moment. @returns {Range} */
  get limits() {
    const now = Date.now();
    return { from: Math.min(this.recorded?.from ?? now, now), to: now };
  }

  /**
   * What is missing within what is loaded. Of a stream that is being recorded, the newest moments are not missing: they
   * are on their way to the index.
   */
  get gaps() {
    const { data, limits } = this;
    if (!data) return [];
    const last = data.timeline.spans.at(-1)?.to ?? limits.from;
    const isOnItsWay = this.isRecording && limits.to - last < TAIL_MS;
    const to = isOnItsWay ? last : Math.floor(limits.to / SECOND_MS) * SECOND_MS;
    // Asked for with each move of the pointer; it changes once a second at most.
    const { timeline, from, until } = this.#gapsOf;
    if (timeline !== data.timeline || from !== limits.from || until !== to) {
      this.#gaps = data.gaps({ from: limits.from, to });
      this.#gapsOf = { timeline: data.timeline, from: limits.from, until: to };
    }
    return this.#gaps;
  }

  /** Whether bytes of the chosen stream are being written now. */
  get isRecording() {
    return this.reachable && (this.recorded?.recordings ?? []).some(({ state }) => state === 'recording');
  }

  /**
   * @param {string} stream
   * @param {number | null} [at] the moment to go to, else the newest
   */
  choose(stream, at = null) {
    const data = new StreamData(stream);
    this.data = data;
    this.marks = { a: null, b: null };
    data.addEventListener('change', () => this.data === data && this.#emit('data'));
    data.addEventListener('reload', () => this.data === data && this.#emit('reload'));
    data.addEventListener('failure', (event) => this.data === data && this.fail(/** @type {CustomEvent} */ (event).detail));
    const { oldest, newest } = this;
    const length = Math.min(FIRST_VIEW_MS, Math.max(10 * MINUTE_MS, (newest - oldest) * 1.2));
    this.time = Math.min(Math.max(at ?? newest, oldest), newest);
    this.#emit('stream');
    this.#emit('marks');
    this.setView(at === null ? endingAt(newest, length) : centred(this.time, length));
    this.setTime(this.time);
  }

  /** The stream is meant to be recorded, but nothing is on a disk yet. */
  get hasNothing() {
    return this.recorded !== null && this.recorded.from === null;
  }

  /** Where the stream's recordings begin. */
  get oldest() {
    return this.recorded?.from ?? this.limits.to;
  }

  /** Where the newest of the stream's recordings can be watched. */
  get newest() {
    return Math.max(this.oldest, (this.recorded?.to ?? this.limits.to) - NEWEST_MS);
  }

  /** @param {Range} view */
  setView(view) {
    this.view = bounded(view, this.limits);
    this.#emit('view');
    void this.data?.show(this.view);
  }

  /**
   * @param {number} factor above 1: closer
   * @param {number} [anchor]
   */
  zoom(factor, anchor) {
    const { from, to } = this.view;
    const seen = this.time >= from && this.time <= to;
    this.setView(zoomed(this.view, factor, anchor ?? (seen ? this.time : (from + to) / 2)));
  }

  /** @param {number} share of the view's length, to later times if above 0 */
  pan(share) {
    this.setView(panned(this.view, share * lengthOf(this.view)));
  }

  /**
   * Moves the playhead, and the view with it: always, never, or if the playhead was in it, so that whoever looks
   * elsewhere while it plays is left alone.
   * @param {number} time
   * @param {'always' | 'seen' | 'never'} [follow]
   */
  setTime(time, follow = 'always') {
    const wasSeen = this.time >= this.view.from && this.time <= this.view.to;
    this.time = time;
    this.#emit('time');
    if (follow === 'never' || (follow === 'seen' && !wasSeen)) return;
    const view = follow === 'seen' ? followed(this.view, time) : revealed(this.view, time);
    if (view !== this.view) this.setView(view);
  }

  /** Shows the newest, as closely as before. */
  showNewest() {
    this.setView(endingAt(this.newest, lengthOf(this.view)));
  }

  /**
   * Shows a whole day; gives the moment at which its recordings begin, or null if there are none.
   * @param {string} key
   */
  async showDay(key) {
    const day = dayRange(key);
    this.setView(day);
    const data = this.data;
    if (!data) return null;
    const spans = await data.spansFrom(day.from).catch(() => []);
    const first = spans.find(({ from, to }) => to > day.from && from < day.to);
    return first && this.data === data ? Math.max(first.from, day.from) : null;
  }

  /** What is at a moment, in words. @param {number} time */
  wordsAt(time) {
    const { data, limits } = this;
    if (this.hasNothing) return 'nothing is recorded yet';
    if (!data?.loaded || time < data.loaded.from || time > data.loaded.to) return 'not known yet';
    if (time > limits.to) return 'not yet';
    if (rangeAt(data.timeline.spans, time)) {
      const kept = data.timeline.protected.some(({ from, to }) => from <= time && to > time);
      return kept ? 'recorded, protected' : 'recorded';
    }
    if (time < limits.from) return 'before the oldest recording';
    const gap = rangeAt(this.gaps, time);
    return gap ? gapText(gap) : 'being written';
  }

  /** Whether it is known that nothing is recorded at a moment. @param {number} time */
  isMissing(time) {
    const { data, limits } = this;
    if (this.hasNothing) return true;
    return data !== null && time <= limits.to && (time < limits.from || rangeAt(this.gaps, time) !== null);
  }

  /** The day in the middle of the view. */
  get day() {
    return dayKey((this.view.from + this.view.to) / 2);
  }

  /**
   * @param {'a' | 'b'} which
   * @param {number} time
   */
  mark(which, time) {
    this.marks = withMark(this.marks, which, time);
    this.#emit('marks');
  }

  unmark() {
    this.marks = { a: null, b: null };
    this.#emit('marks');
  }

  /** @param {boolean} readOnly */
  setReadOnly(readOnly) {
    if (this.readOnly === readOnly) return;
    this.readOnly = readOnly;
    this.#emit('read-only');
  }

  /** @param {unknown} error */
  fail(error) {
    this.dispatchEvent(new CustomEvent('failure', { detail: error }));
  }

  /** @param {boolean} reachable */
  #setReachable(reachable) {
    if (this.reachable === reachable) return;
    this.reachable = reachable;
    this.#emit('reachable');
  }

  /** @param {string} name */
  #emit(name) {
    this.dispatchEvent(new Event(name));
  }
}

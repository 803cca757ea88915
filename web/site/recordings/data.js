// What the page knows of one stream's recordings: the spans, gaps and events around the view, fetched as it moves.
// Owns the requests that are under way.

import { getDays, getTimeline } from './api.js';
import { canGrow, rangeToLoad } from './load-plan.js';
import { planAt, WINDOW_MS } from './playback-plan.js';
import { gapsBetween, mergeSpans } from './spans.js';
import { HOUR_MS, SECOND_MS } from './times.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Span} Span
 * @typedef {import('./types.js').Gap} Gap
 * @typedef {import('./types.js').Timeline} Timeline
 */

/** @type {Timeline} */
const NOTHING = { spans: [], gaps: [], events: [], protected: [], recordings: [] };

/** Emits `change`, `reload`, and `failure` (detail: Error) when the server refuses or is silent. */
export class StreamData extends EventTarget {
  #stream;
  #timeline = NOTHING;
  /** @type {Range | null} */
  #loaded = null;
  /** @type {Range | null} */
  #wanted = null;
  #loading = false;
  /** Days by the clock's offset from UTC, since days begin elsewhere in summer. @type {Map<number, Promise<Set<string>>>} */
  #days = new Map();
  /** Seconds recorded by day, of the newest answer. @type {Map<string, number>} */
  seconds = new Map();

  /** @param {string} stream */
  constructor(stream) {
    super();
    this.#stream = stream;
  }

  get stream() {
    return this.#stream;
  }

  get timeline() {
    return this.#timeline;
  }

  /** What is known, or null before the first answer. */
  get loaded() {
    return this.#loaded;
  }

  /**
   * Everything that is not recorded from the stream's oldest media on up to now, as far as it is loaded.
   * @param {Range} limits
   * @returns {Gap[]}
   */
  gaps(limits) {
    if (!this.#loaded) return [];
    const within = { from: Math.max(limits.from, this.#loaded.from), to: Math.min(limits.to, this.#loaded.to) };
    return gapsBetween(this.#timeline.spans, this.#timeline.gaps, within);
  }

  /** Loads what a view needs, if it is not there yet. @param {Range} view */
  async show(view) {
    const range = rangeToLoad(view, this.#loaded);
    if (range) await this.#load(range);
  }

  /** Looks again where something can have changed. */
  async refresh() {
    if (this.#loaded && canGrow(this.#loaded, Date.now())) await this.#load(this.#loaded);
  }

  /** Looks again at everything: something was changed from here. */
  async reload() {
    this.#days.clear();
    if (this.#loaded) await this.#load(this.#loaded);
    this.dispatchEvent(new Event('reload'));
  }

  /** All protected ranges, wherever the view is. @param {Range} limits */
  async allProtected(limits) {
    return (await getTimeline(this.#stream, limits)).protected;
  }

  /** The newest wish wins: while one request is under way, later ones wait as one. @param {Range} range */
  async #load(range) {
    this.#wanted = range;
    if (this.#loading) return;
    this.#loading = true;
    try {
      while (this.#wanted) {
        const next = this.#wanted;
        this.#wanted = null;
        const timeline = await getTimeline(this.#stream, next);
        this.#timeline = { ...timeline, spans: mergeSpans(timeline.spans) };
        this.#loaded = next;
        this.dispatchEvent(new Event('change'));
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent('failure', { detail: error }));
    }
    this.#loading = false;
  }

  /**
   * Spans from a moment on, enough to know what to play there: also where the view is elsewhere, or a gap is long.
   * @param {number} time
   * @returns {Promise<Span[]>}
   */
  async spansFrom(time) {
    const near = { from: time - SECOND_MS, to: time + WINDOW_MS + HOUR_MS };
    const now = Date.now();
    const known = this.#loaded;
    const isKnown = known && known.from <= near.from && known.to >= Math.min(near.to, now) && !canGrow(known, now);
    for (const range of [near, { from: near.from, to: now + HOUR_MS }]) {
      const spans = isKnown && range === near ? this.#timeline.spans : mergeSpans((await getTimeline(this.#stream, range)).spans);
      if (planAt(spans, time).kind === 'window' || range.to > now) return spans;
    }
    return [];
  }

  /**
   * Events and gaps on one side of a moment, to the end: for jumps beyond what is loaded.
   * @param {number} time
   * @param {1 | -1} sense
   * @param {Range} limits
   */
  async beyond(time, sense, limits) {
    const range = sense > 0 ? { from: time, to: limits.to } : { from: limits.from, to: time };
    const { events, spans, gaps } = await getTimeline(this.#stream, range);
    return { events, gaps: gapsBetween(mergeSpans(spans), gaps, range) };
  }

  /**
   * The days with recordings, as days of the local calendar.
   * @param {number} offset minutes
   * @returns {Promise<Set<string>>}
   */
  days(offset) {
    const known = this.#days.get(offset);
    if (known) return known;
    const asked = getDays(this.#stream, offset).then((days) => {
      this.seconds = new Map(days.map(({ day, seconds }) => [day, seconds]));
      return new Set(days.map(({ day }) => day));
    });
    this.#days.set(offset, asked);
    asked.catch(() => this.#days.delete(offset));
    return asked;
  }

  /** Days are asked for again: time has gone on. */
  forgetDays() {
    this.#days.clear();
  }
}

// The list of streams, kept fresh: events say when to look, a poll looks anyway (every 2 s without events).
// Owns the event connection and the poll timer. A hidden page has neither.

import { listStreams, apiUrl } from './client.js';
import { SseParser } from './sse.js';
import { backoffDelay } from '../backoff.js';

/**
 * @typedef {import('./types.js').Stream} Stream
 * @typedef {import('./types.js').ServerEvent} ServerEvent
 */

/** Poll period: 2 s. Rates and viewer counts have no events, so the poll goes on beside them. */
const POLL_MS = 2_000;

/** Events come in bursts (a source and its stream change together): one look for all within 120 ms. */
const EVENT_SETTLE_MS = 120;

/**
 * Emits `streams` (detail: Stream[]), `unreachable` and `server-event` (detail: ServerEvent).
 */
export class StreamFeed extends EventTarget {
  #running = false;
  #loading = false;
  #again = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pollTimer;
  /** @type {AbortController | null} */
  #events = null;

  start() {
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#stop() : this.#run()));
    if (!document.hidden) this.#run();
  }

  /** Looks now, without waiting for the next turn. */
  async refresh() {
    if (this.#loading) {
      this.#again = true;
      return;
    }
    this.#loading = true;
    try {
      const streams = await listStreams();
      this.dispatchEvent(new CustomEvent('streams', { detail: streams }));
    } catch {
      this.dispatchEvent(new Event('unreachable'));
    }
    this.#loading = false;
    if (this.#again) {
      this.#again = false;
      this.#pollIn(0);
    } else {
      this.#pollIn(POLL_MS);
    }
  }

  #run() {
    if (this.#running) return;
    this.#running = true;
    void this.refresh();
    void this.#listen();
  }

  #stop() {
    this.#running = false;
    clearTimeout(this.#pollTimer);
    this.#events?.abort();
  }

  /** @param {number} ms */
  #pollIn(ms) {
    clearTimeout(this.#pollTimer);
    if (this.#running) this.#pollTimer = setTimeout(() => this.refresh(), ms);
  }

  /** Reads events for as long as the page is shown; a broken connection is opened again, with a growing pause. */
  async #listen() {
    const events = new AbortController();
    this.#events = events;
    while (!events.signal.aborted) {
      try {
        await this.#readEvents(events.signal);
      } catch {
        // The poll reports an unreachable server; here only the next try matters.
      }
      if (events.signal.aborted) return;
      this.#failures += 1;
      await new Promise((done) => setTimeout(done, backoffDelay(this.#failures, Math.random())));
    }
  }

  /** @param {AbortSignal} signal */
  async #readEvents(signal) {
    const headers = { Accept: 'text/event-stream' };
    const response = await fetch(apiUrl('v1/events'), { signal, headers, cache: 'no-store' });
    if (!response.ok || !response.body) throw new Error(`no events: ${response.status}`);
    const parser = new SseParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const { event, data } of parser.push(value)) {
        this.#failures = 0;
        this.#announce(event, data);
      }
    }
  }

  /**
   * @param {string} type
   * @param {string} data
   */
  #announce(type, data) {
    /** @type {ServerEvent} */
    let detail = { type };
    try {
      detail = { type, ...JSON.parse(data) };
    } catch {
      // An event we cannot read still says that something changed.
    }
    this.dispatchEvent(new CustomEvent('server-event', { detail }));
    this.#pollIn(EVENT_SETTLE_MS);
  }
}

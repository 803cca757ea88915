// The list of streams on screen: one row each, in the order of their names, filtered by the search.

import { StreamRow } from './row.js';
import { matches, changes } from './changes.js';
import { announce, setText } from '../ui/dom.js';
import { count } from '../format.js';

/**
 * @typedef {import('../control/types.js').Stream} Stream
 * @typedef {import('../recordings/types.js').RecordedStream} RecordedStream
 * @typedef {import('./row.js').RowActions} RowActions
 *
 * @typedef {object} ListPlaces
 * @property {HTMLElement} list
 * @property {HTMLElement} head
 * @property {HTMLElement} empty shown if there is no stream at all
 * @property {HTMLElement} nothing shown if the search finds none
 * @property {HTMLElement} summary
 */

export class StreamList {
  #places;
  #actions;
  /** @type {Map<string, StreamRow>} */
  #rows = new Map();
  /** @type {Stream[] | null} */
  #streams = null;
  #query = '';
  /** @type {Map<string, RecordedStream>} */
  #recorded = new Map();

  /**
   * @param {ListPlaces} places
   * @param {RowActions} actions
   */
  constructor(places, actions) {
    this.#places = places;
    this.#actions = actions;
  }

  get names() {
    return (this.#streams ?? []).map(({ name }) => name);
  }

  /** @param {string} query */
  search(query) {
    this.#query = query;
    this.#draw();
  }

  /** @param {Stream[]} streams */
  show(streams) {
    const sorted = streams.toSorted((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    const news = this.#streams && changes(this.#streams, sorted);
    this.#streams = sorted;
    this.#draw();
    if (news) announce(news);
  }

  /** Which streams have recordings, or are meant to. @param {RecordedStream[]} recorded */
  showRecordings(recorded) {
    this.#recorded = new Map(recorded.map((one) => [one.stream, one]));
    this.#places.list.classList.toggle('list-recorded', recorded.length > 0);
    this.#places.head.classList.toggle('list-recorded', recorded.length > 0);
    this.#draw();
  }

  /** Draws the eye to one stream. @param {string} name */
  highlight(name) {
    this.#rows.get(name)?.highlight();
  }

  #draw() {
    const streams = this.#streams;
    if (!streams) return;
    const shown = streams.filter((stream) => matches(stream, this.#query));
    this.#place(shown);
    const { head, empty, nothing, summary } = this.#places;
    empty.hidden = streams.length > 0;
    head.hidden = shown.length === 0;
    nothing.hidden = streams.length === 0 || shown.length > 0;
    const live = streams.filter(({ state }) => state === 'live').length;
    setText(summary, streams.length === 0 ? '' : `${count(streams.length, 'stream')}, ${live} live`);
  }

  /** @param {Stream[]} shown */
  #place(shown) {
    const { list } = this.#places;
    const nowMs = Date.now();
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.element.remove();
      this.#rows.delete(name);
    }
    shown.forEach((stream, at) => {
      let row = this.#rows.get(stream.name);
      if (!row) {
        row = new StreamRow(stream.name, this.#actions);
        this.#rows.set(stream.name, row);
      }
      if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
      row.show(stream, nowMs);
      row.showRecordings(this.#recorded.get(stream.name));
    });
  }
}

// The list of what happened in the part of time that is in view: events and gaps, each a way to get there. The newest come first.

import { landing } from './marks.js';
import { clockText, shortDateText } from './times.js';
import { markTitle } from './words.js';
import { duration } from '../format.js';
import { el } from '../ui/dom.js';

/**
 * @typedef {import('./session.js').Session} Session
 *
 * @typedef {object} Row
 * @property {number} from
 * @property {string} kind
 * @property {string} title
 * @property {string} more
 */

/** Rows shown: 60. More are not read; the view is made smaller instead. */
const ROWS_MAX = 60;

export class Happenings {
  #session;
  #onGo;
  #list = el('ul', { class: 'happenings' });
  #note = el('p', { class: 'muted' });
  #drawn = '';

  /**
   * @param {Session} session
   * @param {(time: number) => void} onGo
   */
  constructor(session, onGo) {
    this.#session = session;
    this.#onGo = onGo;
    this.element = el('section', { class: 'panel' }, el('h2', {}, 'In view'), this.#list, this.#note);
    for (const kind of ['view', 'data', 'stream']) session.addEventListener(kind, () => this.#draw());
  }

  #draw() {
    const { data, view } = this.#session;
    if (!data?.loaded) return;
    const events = data.timeline.events
      .filter(({ from, to }) => from < view.to && (to ?? from) >= view.from)
      .map((mark) => ({ from: mark.from, kind: mark.kind, title: markTitle(mark), more: mark.to ? duration(mark.to - mark.from) : '' }));
    const gaps = this.#session.gaps
      .filter(({ from, to }) => from < view.to && to > view.from)
      .map(({ from, to, why }) => ({ from, kind: 'gap', title: `Gap: ${why ?? 'no reason known'}`, more: duration(to - from) }));
    const all = [...events, ...gaps].sort((a, b) => b.from - a.from);
    const rows = all.slice(0, ROWS_MAX);
    // The view moves with each frame of a drag; the list changes only when another row comes in.
    const drawn = `${all.length} ${JSON.stringify(rows)}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const several = new Date(view.from).toDateString() !== new Date(view.to).toDateString();
    this.#list.replaceChildren(...rows.map((row) => this.#row(row, several)));
    this.#note.textContent =
      rows.length === 0 ? 'No events and no gaps.' : all.length > ROWS_MAX ? `${all.length - ROWS_MAX} more; look closer to see them.` : '';
  }

  /**
   * @param {Row} row
   * @param {boolean} withDay
   */
  #row({ from, kind, title, more }, withDay) {
    const when = withDay ? `${shortDateText(from)}, ${clockText(from)}` : clockText(from);
    const button = el(
      'button',
      { type: 'button', class: 'happening', 'data-kind': kind },
      el('span', { class: 'happening-mark', 'aria-hidden': 'true' }),
      el('span', { class: 'happening-text' }, title, el('small', {}, [when, more].filter(Boolean).join(' · '))),
    );
    button.addEventListener('click', () => this.#onGo(landing({ from })));
    return el('li', {}, button);
  }
}

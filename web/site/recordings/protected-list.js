// Ranges that retention leaves alone, with a button to give each free.

import { unprotect } from './api.js';
import { momentText } from './times.js';
import { adviceFor, READ_ONLY_TEXT } from './words.js';
import { duration } from '../format.js';
import { confirmDialog } from '../ui/dialog.js';
import { el } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./types.js').Protection} Protection
 */

export class ProtectedList {
  #session;
  #onGo;
  #list = el('ul', { class: 'kept-list' });
  #none = el('p', { class: 'muted' }, 'Nothing yet. A protected range is kept when older recordings make room.');
  /** @type {Protection[]} */
  #ranges = [];

  /**
   * @param {Session} session
   * @param {(time: number) => void} onGo
   */
  constructor(session, onGo) {
    this.#session = session;
    this.#onGo = onGo;
    this.element = el('section', { class: 'panel' }, el('h2', {}, 'Protected'), this.#list, this.#none);
    for (const kind of ['stream', 'reload']) session.addEventListener(kind, () => void this.#load());
    session.addEventListener('read-only', () => this.#draw());
  }

  async #load() {
    const { data, limits } = this.#session;
    if (!data) return;
    // The timeline shows what went wrong, if something did.
    const ranges = await data.allProtected(limits).catch(() => []);
    if (this.#session.data !== data) return;
    this.#ranges = ranges;
    this.#draw();
  }

  #draw() {
    this.#none.hidden = this.#ranges.length > 0;
    this.#list.replaceChildren(...this.#ranges.map((range) => this.#row(range)));
  }

  /** @param {Protection} range */
  #row(range) {
    const { readOnly } = this.#session;
    const more = `${momentText(range.from)} · ${duration(range.to - range.from)}`;
    const go = el('button', { type: 'button', class: 'happening', 'data-kind': 'kept' }, icon('lock'), el('span', { class: 'happening-text' }, range.note || 'No note', el('small', {}, more)));
    const free = el('button', { type: 'button', class: 'icon-button', 'aria-label': `No longer protect ${range.note || momentText(range.from)}` }, icon('trash'));
    free.title = readOnly ? READ_ONLY_TEXT : 'No longer protect';
    free.disabled = readOnly;
    go.addEventListener('click', () => this.#onGo(range.from));
    free.addEventListener('click', () => this.#askFree(range));
    return el('li', { class: 'kept-row' }, go, free);
  }

  /** @param {Protection} range */
  #askFree(range) {
    const { data } = this.#session;
    confirmDialog({
      title: 'No longer protect this range?',
      text: `${range.note ? `“${range.note}”: ` : ''}what is older than recordings are kept for is then deleted with the rest.`,
      verb: 'Give it free',
      act: async () => {
        try {
          if (data) await unprotect(data.stream, range.id);
        } catch (error) {
          const failure = /** @type {Error & { status?: number }} */ (error);
          if (failure.status === 403) this.#session.setReadOnly(true);
          throw new Error(adviceFor(failure, { change: true }));
        }
        await data?.reload();
      },
    });
  }
}

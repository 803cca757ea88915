// The row of buttons below the stage, and their keys.

import { el } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/** @typedef {import('../ui/icons.js').IconName} IconName */

/**
 * One button. `on` chooses the icon and what the label says.
 * @typedef {object} Switch
 * @property {string} id
 * @property {string} key the letter that does the same
 * @property {[IconName, IconName]} icons off and on
 * @property {[string, string]} labels what pressing does when off and when on
 * @property {() => void} act
 */

export class Bar {
  /** @type {Map<string, { button: HTMLButtonElement, spec: Switch, on: boolean | null }>} */
  #buttons = new Map();

  /**
   * @param {HTMLElement} place
   * @param {Switch[]} switches
   */
  constructor(place, switches) {
    for (const spec of switches) {
      const button = el('button', { type: 'button', id: `bar-${spec.id}`, class: 'icon-button bar-button', 'aria-keyshortcuts': spec.key });
      button.addEventListener('click', spec.act);
      this.#buttons.set(spec.id, { button, spec, on: null });
      place.append(button);
      this.set(spec.id, false);
    }
    document.addEventListener('keydown', (event) => this.#handleKey(event, place));
  }

  /**
   * @param {string} id
   * @param {boolean} on
   * @param {{ disabled?: boolean, badge?: string }} [more]
   */
  set(id, on, { disabled = false, badge = '' } = {}) {
    const entry = this.#buttons.get(id);
    if (!entry) return;
    const { button, spec } = entry;
    button.disabled = disabled;
    button.dataset.badge = badge;
    if (entry.on === on) return;
    entry.on = on;
    const label = spec.labels[on ? 1 : 0];
    button.dataset.on = String(on);
    button.setAttribute('aria-label', label);
    button.title = `${label} (${spec.key.toUpperCase()})`;
    button.replaceChildren(icon(spec.icons[on ? 1 : 0]));
  }

  /**
   * @param {KeyboardEvent} event
   * @param {HTMLElement} place
   */
  #handleKey(event, place) {
    const typing = event.target instanceof Element && event.target.closest('input, textarea, select, dialog');
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || place.closest('[hidden]')) return;
    const found = [...this.#buttons.values()].find(({ spec }) => spec.key === event.key.toLowerCase());
    if (!found || found.button.disabled) return;
    event.preventDefault();
    found.spec.act();
  }
}

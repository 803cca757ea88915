// A text field with its label, and below it what is wrong, or a hint.

import { el } from './dom.js';

/**
 * @typedef {object} Field
 * @property {HTMLElement} row
 * @property {HTMLInputElement} input
 * @property {() => boolean} check shows what is wrong; true if nothing is
 */

let fields = 0;

/**
 * @param {string} label
 * @param {string} placeholder
 * @param {(text: string) => string | null} problem
 * @param {string} [hint]
 * @returns {Field}
 */
export function textField(label, placeholder, problem, hint) {
  const id = `field-${(fields += 1)}`;
  const input = el('input', { id, class: 'input', placeholder, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' });
  const message = el('p', { id: `${id}-message`, class: 'field-message' }, hint);
  input.setAttribute('aria-describedby', message.id);
  const check = () => {
    const wrong = problem(input.value);
    message.textContent = wrong ?? hint ?? '';
    message.classList.toggle('error-text', wrong !== null);
    input.setAttribute('aria-invalid', String(wrong !== null));
    return wrong === null;
  };
  // Complaints come when the field is left, and go as soon as it is right.
  input.addEventListener('change', check);
  input.addEventListener('input', () => input.getAttribute('aria-invalid') === 'true' && check());
  const row = el('div', { class: 'field' }, el('label', { for: id }, label), el('div', { class: 'field-line' }, input), message);
  return { row, input, check };
}

// Modal dialogs on the browser's own <dialog>: it keeps the focus inside, closes on Esc and gives the focus back.

import { el } from './dom.js';
import { icon } from './icons.js';

/**
 * Opens a dialog and removes it from the page when it closes. A click beside it closes it.
 * @param {object} options
 * @param {string} options.title
 * @param {Node[]} options.content
 * @param {'small' | 'wide'} [options.size]
 * @param {() => void} [options.onClose]
 * @returns {HTMLDialogElement}
 */
export function openDialog({ title, content, size = 'small', onClose }) {
  const close = el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close' }, icon('close'));
  const heading = el('h2', { id: `dialog-title-${document.querySelectorAll('dialog').length}` }, title);
  const dialog = el(
    'dialog',
    { class: `dialog dialog-${size}`, 'aria-labelledby': heading.id },
    el('div', { class: 'dialog-frame' }, el('header', { class: 'dialog-head' }, heading, close), ...content),
  );
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('pointerdown', ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks before something that cannot be undone. `act` runs with the dialog open; what it throws is shown there.
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.text
 * @param {string} question.verb the button's label
 * @param {() => Promise<void>} question.act
 */
export function confirmDialog({ title, text, verb, act }) {
  const error = el('p', { class: 'error-text', role: 'alert' });
  const no = el('button', { type: 'button', class: 'button' }, 'Keep it');
  const yes = el('button', { type: 'button', class: 'button button-danger' }, verb);
  const actions = el('div', { class: 'dialog-actions' }, no, yes);
  const dialog = openDialog({ title, content: [el('p', {}, text), error, actions] });
  no.addEventListener('click', () => dialog.close());
  yes.addEventListener('click', async () => {
    yes.disabled = true;
    error.textContent = '';
    try {
      await act();
      dialog.close();
    } catch (failure) {
      error.textContent = failure instanceof Error ? failure.message : String(failure);
      yes.disabled = false;
    }
  });
  no.focus();
}

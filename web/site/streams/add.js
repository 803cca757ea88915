// The dialog that adds a stream.

import { nameProblem, SCHEMES, sourceProblem } from './validate.js';
import { addStream } from '../control/client.js';
import { el } from '../ui/dom.js';
import { openDialog } from '../ui/dialog.js';
import { textField } from '../ui/field.js';
import { icon } from '../ui/icons.js';

/** @typedef {import('../ui/field.js').Field} Field */

/**
 * @param {object} options
 * @param {string[]} options.taken names in use
 * @param {(name: string) => void} options.onAdded
 */
export function openAddDialog({ taken, onAdded }) {
  const name = textField('Name', 'front-door', (text) => nameProblem(text, taken), 'A word for addresses and lists');
  /** @type {Field[]} */
  const sources = [];
  const list = el('div', { class: 'source-fields' });
  const more = el('button', { type: 'button', class: 'button button-quiet' }, icon('plus'), 'Another source');
  const error = el('p', { class: 'error-text', role: 'alert' });
  const submit = el('button', { type: 'submit', class: 'button button-primary' }, 'Add stream');
  const cancel = el('button', { type: 'button', class: 'button' }, 'Cancel');
  const actions = el('div', { class: 'dialog-actions' }, cancel, submit);
  const form = el('form', { class: 'form', novalidate: true }, name.row, list, more, schemeHelp(useExample), error, actions);
  const dialog = openDialog({ title: 'Add a stream', content: [form] });

  addSource();
  name.input.focus();
  cancel.addEventListener('click', () => dialog.close());
  more.addEventListener('click', () => addSource().input.focus());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    error.textContent = '';
    const wrong = [name, ...sources].filter((one) => !one.check())[0];
    if (wrong) {
      wrong.input.focus();
      return;
    }
    submit.disabled = true;
    try {
      await addStream(name.input.value, sources.map(({ input }) => input.value.trim()));
      dialog.close();
      onAdded(name.input.value);
    } catch (failure) {
      error.textContent = failure instanceof Error ? failure.message : String(failure);
      submit.disabled = false;
    }
  });

  function addSource() {
    const source = textField(sources.length === 0 ? 'Source' : `Source ${sources.length + 1}`, SCHEMES[0]?.example ?? '', sourceProblem);
    source.input.inputMode = 'url';
    sources.push(source);
    list.append(source.row);
    if (sources.length > 1) {
      const drop = el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Remove this source' }, icon('close'));
      source.input.after(drop);
      drop.addEventListener('click', () => {
        source.row.remove();
        sources.splice(sources.indexOf(source), 1);
        sources.at(-1)?.input.focus();
      });
    }
    return source;
  }

  /** @param {string} example */
  function useExample(example) {
    const target = sources.at(-1)?.input;
    if (!target) return;
    target.value = example;
    target.focus();
    target.select();
  }
}

/** @param {(example: string) => void} use */
function schemeHelp(use) {
  const rows = SCHEMES.map(({ title, example, hint }) => {
    const button = el('button', { type: 'button', class: 'example', title: 'Use this as a start' }, example);
    button.addEventListener('click', () => use(example));
    return el('div', {}, el('dt', {}, title), el('dd', {}, hint, button));
  });
  return el('details', { class: 'help' }, el('summary', {}, 'What goes into a source?'), el('dl', {}, ...rows));
}

// The dialog that pairs with a camera and makes a stream of it.

import { pair } from './api.js';
import { addressProblem, pinOf, pinProblem, streamNameOf } from './words.js';
import { nameProblem } from '../streams/validate.js';
import { openDialog } from '../ui/dialog.js';
import { el } from '../ui/dom.js';
import { textField } from '../ui/field.js';

/**
 * @param {object} options
 * @param {import('./words.js').Camera | null} options.camera none: it is told by its address
 * @param {string[]} options.taken names of streams
 * @param {(stream: string) => void} options.onPaired
 */
export function openPairDialog({ camera, taken, onPaired }) {
  const address = camera ? null : textField('Address', '192.168.1.20:51826', addressProblem);
  const pin = textField('Pin', '123-45-678', pinProblem);
  const stream = textField('Name of the stream', 'front-door', (text) => nameProblem(text, taken));
  if (camera) stream.input.value = streamNameOf(camera.name);
  pin.input.inputMode = 'numeric';
  const all = [address, pin, stream].filter((one) => one !== null);
  const error = el('p', { class: 'error-text', role: 'alert' });
  const submit = el('button', { type: 'submit', class: 'button button-primary' }, 'Pair');
  const cancel = el('button', { type: 'button', class: 'button' }, 'Cancel');
  const rows = all.map(({ row }) => row);
  const form = el('form', { class: 'form', novalidate: true }, ...rows, error, el('div', { class: 'dialog-actions' }, cancel, submit));
  const dialog = openDialog({ title: camera ? `Pair ${camera.name}` : 'Pair a camera', content: [form] });
  all[0]?.input.focus();
  cancel.addEventListener('click', () => dialog.close());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    error.textContent = '';
    const wrong = all.filter((one) => !one.check())[0];
    if (wrong) {
      wrong.input.focus();
      return;
    }
    submit.disabled = true;
    const whom = camera ? { id: camera.id } : { address: address?.input.value.trim() ?? '' };
    try {
      await pair({ ...whom, pin: pinOf(pin.input.value), stream: stream.input.value });
      dialog.close();
      onPaired(stream.input.value);
    } catch (failure) {
      error.textContent = failure instanceof Error ? failure.message : String(failure);
      submit.disabled = false;
    }
  });
}

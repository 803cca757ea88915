// HomeKit cameras: found, paired with this server, or by somebody else.

import { unpair } from './api.js';
import { cameraWords } from './words.js';
import { ServerError } from '../control/client.js';
import { confirmDialog } from '../ui/dialog.js';
import { el } from '../ui/dom.js';

/** @typedef {import('./words.js').Camera} Camera */

/** The server’s answer for an accessory that it cannot reach. */
const BAD_GATEWAY = 502;

/**
 * @param {HTMLElement} place
 * @param {Camera[]} cameras
 * @param {{ onPair: (camera: Camera) => void, onChanged: () => void }} then
 */
export function showCameras(place, cameras, then) {
  if (cameras.length === 0) {
    const text = 'None was found. A camera in another network, or one that mDNS does not reach, is paired by its address.';
    place.replaceChildren(el('p', { class: 'muted' }, text));
    return;
  }
  place.replaceChildren(el('ul', { class: 'homekit-list' }, ...cameras.map((camera) => card(camera, then))));
}

/**
 * @param {Camera} camera
 * @param {{ onPair: (camera: Camera) => void, onChanged: () => void }} then
 */
function card(camera, { onPair, onChanged }) {
  const words = el('div', { class: 'homekit-words' }, el('h3', {}, camera.name), el('p', { class: 'muted' }, cameraWords(camera)));
  const button = buttonOf(camera);
  button?.addEventListener('click', () => (camera.state === 'free' ? onPair(camera) : leave(camera, onChanged)));
  return el('li', { class: 'homekit-card' }, words, button);
}

/** @param {Camera} camera */
function buttonOf({ state }) {
  if (state === 'taken') return null;
  const label = state === 'free' ? 'Pair' : 'Unpair';
  return el('button', { type: 'button', class: state === 'free' ? 'button button-primary' : 'button' }, label);
}

/** @param {Camera} camera @param {() => void} onChanged */
function leave(camera, onChanged) {
  let forget = false;
  confirmDialog({
    title: `Unpair ${camera.name}?`,
    text: 'The camera does not trust this server any more. Its streams stay, and say that it is not paired.',
    verb: 'Unpair it',
    act: async () => {
      try {
        await unpair(camera.id, forget);
      } catch (failure) {
        if (!(failure instanceof ServerError) || failure.status !== BAD_GATEWAY) throw failure;
        forget = true;
        throw new Error(`${failure.message} Once more forgets it here all the same; it must be reset then.`);
      }
      onChanged();
    },
  });
}

// Our streams in Apple’s Home: a card each, with the code to scan until it is paired.

import { codeUrl, forgetControllers } from './api.js';
import { stateOf } from './words.js';
import { confirmDialog } from '../ui/dialog.js';
import { el } from '../ui/dom.js';

/** @typedef {import('./api.js').Accessory} Accessory */

/**
 * @param {HTMLElement} place
 * @param {Accessory[]} accessories
 * @param {() => void} onChanged
 */
export function showOurs(place, accessories, onChanged) {
  if (accessories.length === 0) {
    place.replaceChildren(
      el('p', { class: 'muted' }, 'No stream is shown in Apple’s Home. Name it in the configuration:'),
      el('pre', { class: 'code' }, 'homekit:\n  front-door: {pin: 123-45-679}'),
    );
    return;
  }
  place.replaceChildren(el('ul', { class: 'homekit-list' }, ...accessories.map((accessory) => card(accessory, onChanged))));
}

/** @param {Accessory} accessory @param {() => void} onChanged */
function card(accessory, onChanged) {
  const { name, title, streams, setup } = accessory;
  const words = el(
    'div',
    { class: 'homekit-words' },
    el('h3', {}, title),
    el('p', { class: 'muted' }, streams.length > 0 ? `shows ${streams.join(', ')}` : 'shows nothing'),
    el('p', {}, stateOf(accessory)),
  );
  if (setup) {
    words.append(
      el('p', { class: 'muted' }, 'In the Home app: Add Accessory, and scan the code or type'),
      el('p', { class: 'homekit-pin' }, setup.pin),
    );
    const code = el('img', { class: 'homekit-code', src: codeUrl(name).href, alt: `Code to pair ${title}`, width: 160, height: 160 });
    return el('li', { class: 'homekit-card' }, words, code);
  }
  const forget = el('button', { type: 'button', class: 'button' }, 'Unpair');
  forget.addEventListener('click', () =>
    confirmDialog({
      title: `Unpair ${title}?`,
      text: 'All controllers are forgotten, and it can be paired anew. The Home calls it unreachable until it is removed there.',
      verb: 'Unpair it',
      act: async () => {
        await forgetControllers(name);
        onChanged();
      },
    }),
  );
  return el('li', { class: 'homekit-card' }, words, forget);
}

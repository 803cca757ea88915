// The row of buttons below the picture.

import { SPEEDS } from './playback-plan.js';
import { el } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('./deck.js').Deck} Deck
 * @typedef {import('./keys.js').Action} Action
 */

/**
 * @param {Deck} deck
 * @param {(action: Action) => void} act
 * @returns {HTMLElement}
 */
export function transportBar(deck, act) {
  /**
   * @param {import('../ui/icons.js').IconName} name
   * @param {string} label
   * @param {Action} action
   */
  const button = (name, label, action) => {
    const made = el('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label }, icon(name));
    made.addEventListener('click', () => act(action));
    return made;
  };
  const play = button('play', 'Play (space)', { type: 'toggle' });
  play.classList.add('transport-play');
  const mute = button('sound', 'Sound off (m)', { type: 'mute' });
  const speeds = SPEEDS.map((speed) => el('option', { value: String(speed), selected: speed === 1 }, `${speed} ×`));
  const speed = el('select', { class: 'input transport-speed', 'aria-label': 'Speed', title: 'Speed (< and >)' }, ...speeds);
  speed.addEventListener('change', () => (deck.speed = Number(speed.value)));
  deck.addEventListener('change', () => {
    const label = deck.isRunning ? 'Pause (space)' : 'Play (space)';
    if (play.title !== label) {
      play.replaceChildren(icon(deck.isRunning ? 'pause' : 'play'));
      play.setAttribute('aria-label', label);
      play.title = label;
    }
    const sound = deck.muted ? 'Sound on (m)' : 'Sound off (m)';
    if (mute.title !== sound) {
      mute.replaceChildren(icon(deck.muted ? 'muted' : 'sound'));
      mute.setAttribute('aria-label', sound);
      mute.title = sound;
    }
    speed.value = String(deck.speed);
  });
  return el(
    'div',
    { class: 'transport', role: 'group', 'aria-label': 'Playback' },
    el('div', { class: 'transport-part' }, button('event-back', 'Previous event (p)', { type: 'event', sense: -1 }), button('gap-back', 'Previous gap (Shift g)', { type: 'gap', sense: -1 })),
    el('div', { class: 'transport-part' }, button('back', '10 seconds back (←)', { type: 'step', ms: -10_000 }), play, button('forward', '10 seconds on (→)', { type: 'step', ms: 10_000 })),
    el('div', { class: 'transport-part' }, button('gap-next', 'Next gap (g)', { type: 'gap', sense: 1 }), button('event-next', 'Next event (n)', { type: 'event', sense: 1 })),
    el('div', { class: 'transport-part transport-end' }, speed, mute, button('fullscreen', 'Full screen (f)', { type: 'fullscreen' })),
  );
}

// The help: keys and gestures, in a dialog.

import { KEY_HELP } from './keys.js';
import { el } from '../ui/dom.js';
import { openDialog } from '../ui/dialog.js';

/** What fingers and mice do. @type {[string, string][]} */
const GESTURES = [
  ['Click or drag on the band', 'go there, with pictures on the way'],
  ['Drag on the hours above it', 'move the timeline'],
  ['Wheel, or two fingers', 'look closer, or at more'],
  ['Wheel sideways, or with Shift', 'move the timeline'],
];

export function openHelp() {
  const keys = KEY_HELP.map(({ keys, text }) =>
    el('div', { class: 'keys-row' }, el('dt', {}, ...keys.map((key) => el('kbd', {}, key))), el('dd', {}, text)),
  );
  const gestures = GESTURES.map(([hand, text]) => el('div', { class: 'keys-row' }, el('dt', {}, hand), el('dd', {}, text)));
  openDialog({
    title: 'Keys and gestures',
    size: 'wide',
    content: [el('dl', { class: 'keys' }, ...keys), el('h3', {}, 'On the timeline'), el('dl', { class: 'keys' }, ...gestures)],
  });
}

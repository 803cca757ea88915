// The player in a dialog.

import '../player.js';
import { el } from '../ui/dom.js';
import { openDialog } from '../ui/dialog.js';
import { openLinks } from '../links/view.js';

/** @param {string} name */
export function openWatch(name) {
  const player = el('aqueduct-player', { src: name });
  const page = el('a', { class: 'button button-quiet', href: `player.html?src=${encodeURIComponent(name)}` }, 'Open as a page');
  const links = el('button', { type: 'button', class: 'button button-quiet' }, 'Links');
  openDialog({ title: name, size: 'wide', content: [player, el('div', { class: 'dialog-actions' }, links, page)] });
  links.addEventListener('click', () => openLinks(name));
}

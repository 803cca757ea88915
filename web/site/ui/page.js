// What every page has: icons, the theme button, the server's version, the "/" key for search.

import { drawIcons } from './icons.js';
import { themeButton } from './theme.js';
import { setText } from './dom.js';
import { getInfo } from '../control/client.js';

/** @typedef {import('../control/types.js').Info} Info */

/** Sets the page up; call once. */
export function startPage() {
  drawIcons();
  document.getElementById('theme')?.replaceChildren(themeButton());
  document.addEventListener('keydown', focusSearch);
  getInfo().then(showVersion, () => {});
}

/** @param {Info} info */
function showVersion(info) {
  const place = document.getElementById('version');
  if (place) setText(place, info.version);
}

/** @param {KeyboardEvent} event */
function focusSearch(event) {
  const typing = event.target instanceof Element && event.target.closest('input, textarea, select, dialog');
  const search = document.getElementById('search');
  if (event.key !== '/' || typing || !search || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
}

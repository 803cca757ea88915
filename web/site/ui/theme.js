// Light, dark or as the system says. The choice is kept in this browser only.

import { el } from './dom.js';
import { icon } from './icons.js';

/** @typedef {'auto' | 'light' | 'dark'} Theme */

const KEY = 'aqueduct.theme';

/** @type {Record<Theme, { next: Theme, icon: import('./icons.js').IconName, label: string }>} */
const THEMES = {
  auto: { next: 'light', icon: 'auto', label: 'Colours: as the system' },
  light: { next: 'dark', icon: 'sun', label: 'Colours: light' },
  dark: { next: 'auto', icon: 'moon', label: 'Colours: dark' },
};

/** @returns {Theme} */
function chosen() {
  const text = readKey();
  return text === 'light' || text === 'dark' ? text : 'auto';
}

function readKey() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // Storage can be forbidden; the choice then lasts for the page.
  }
}

/** @param {Theme} theme */
function apply(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See readKey.
  }
}

/** Applies the kept choice and gives the button that changes it. */
export function themeButton() {
  const button = el('button', { type: 'button', class: 'icon-button' });
  const show = () => {
    const { icon: name, label } = THEMES[chosenNow];
    button.replaceChildren(icon(name));
    button.setAttribute('aria-label', label);
    button.title = label;
  };
  let chosenNow = chosen();
  button.addEventListener('click', () => {
    chosenNow = THEMES[chosenNow].next;
    apply(chosenNow);
    show();
  });
  document.documentElement.dataset.theme = chosenNow;
  show();
  return button;
}

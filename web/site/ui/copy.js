// Text with a copy button.

import { announce, el } from './dom.js';
import { icon } from './icons.js';

/** The button says "copied" for this long. */
const COPIED_MS = 1_600;

/**
 * @param {string} text
 * @param {string} what for screen readers: "RTSP address"
 */
export function copyField(text, what) {
  const button = el('button', { type: 'button', class: 'icon-button', 'aria-label': `Copy ${what}`, title: 'Copy' }, icon('copy'));
  const code = el('code', { class: 'copy-text', tabindex: '0' }, text);
  button.addEventListener('click', async () => {
    const copied = await writeClipboard(text, code);
    announce(copied ? `${what} copied` : 'Press Ctrl+C to copy the selected text');
    button.replaceChildren(icon(copied ? 'check' : 'copy'));
    setTimeout(() => button.replaceChildren(icon('copy')), COPIED_MS);
  });
  return el('div', { class: 'copy-field' }, code, button);
}

/**
 * The clipboard exists only on https and localhost; elsewhere the old command, and at last a selection to copy by hand.
 * @param {string} text
 * @param {HTMLElement} shown
 */
async function writeClipboard(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return document.execCommand('copy');
  }
}

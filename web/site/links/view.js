// A stream's addresses and commands on screen, with copy buttons.

import { publishAddresses, unreachableListeners, watchAddresses } from './addresses.js';
import { publishCommands, watchCommands } from './commands.js';
import { API_BASE, getInfo } from '../control/client.js';
import { copyField } from '../ui/copy.js';
import { el } from '../ui/dom.js';
import { openDialog } from '../ui/dialog.js';

/**
 * @typedef {import('./addresses.js').Address} Address
 * @typedef {import('./commands.js').Command} Command
 */

/** Where the pages live: one above the API. */
export const PAGE_BASE = new URL('../', API_BASE);

/** @param {string} name */
export async function openLinks(name) {
  openDialog({ title: `Links for ${name}`, content: [await linksView(name)], size: 'wide' });
}

/**
 * @param {string} name
 * @returns {Promise<HTMLElement>}
 */
export async function linksView(name) {
  const info = await getInfo().catch(() => null);
  const watch = watchAddresses(name, info, PAGE_BASE);
  const publish = publishAddresses(name, info, PAGE_BASE);
  const closed = unreachableListeners(info, PAGE_BASE.hostname);
  const warning =
    closed.length > 0 &&
    el('p', { class: 'note' }, `${closed.join(', ')} listens on the server's own machine only; open it in the server's configuration to use it from here.`);
  return el(
    'div',
    { class: 'links' },
    warning,
    section('Watch', watch),
    commandSection('Watch with', watchCommands(watch, name)),
    section('Publish', publish),
    commandSection('Publish with', publishCommands(publish, name)),
  );
}

/**
 * @param {string} title
 * @param {Address[]} addresses
 */
function section(title, addresses) {
  // A listener that is off is left out, except for the two that people look for first.
  const shown = addresses.filter(({ id, url }) => url !== null || id === 'rtsp' || id === 'rtmp');
  return el('section', {}, el('h3', {}, title), el('dl', { class: 'link-list' }, ...shown.map(addressRow)));
}

/** @param {Address} address */
function addressRow({ label, hint, url }) {
  const value = url === null ? el('span', { class: 'muted' }, 'off: the server does not listen for it') : copyField(url, `${label} address`);
  return el('div', { class: 'link-row' }, el('dt', {}, label, el('small', {}, hint)), el('dd', {}, value));
}

/**
 * @param {string} title
 * @param {Command[]} commands
 */
function commandSection(title, commands) {
  if (commands.length === 0) return null;
  const rows = commands.map(({ label, text, hint }) =>
    el('div', { class: 'link-row' }, el('dt', {}, label, hint && el('small', {}, hint)), el('dd', {}, copyField(text, label))),
  );
  return el('section', {}, el('h3', {}, title), el('dl', { class: 'link-list' }, ...rows));
}

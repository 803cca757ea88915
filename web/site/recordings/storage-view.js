// How full each storage is, and until when it lasts. What the server does not know is left out.

import { forecast, storageBadge, storageShares } from './words.js';
import { bytes } from '../format.js';
import { el } from '../ui/dom.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./types.js').Storage} Storage
 */

/**
 * @param {Session} session
 * @returns {HTMLElement}
 */
export function storagePanel(session) {
  const list = el('div', { class: 'storages' });
  const panel = el('section', { class: 'panel', hidden: true }, el('h2', {}, 'Storage'), list);
  let drawn = '';
  session.addEventListener('overview', () => {
    const storages = session.overview?.storages ?? [];
    const now = JSON.stringify(storages);
    panel.hidden = storages.length === 0;
    if (now === drawn) return;
    drawn = now;
    list.replaceChildren(...storages.map(storageItem));
  });
  return panel;
}

/** @param {Storage} storage */
function storageItem(storage) {
  const { text, tone, reason, advice } = storageBadge(storage);
  const shares = storageShares(storage);
  const isGood = storage.state === 'ok';
  const sizes = shares && `${bytes(storage.bytes)} of recordings, ${bytes(storage.free)} of ${bytes(storage.total)} free`;
  return el(
    'div',
    { class: 'storage' },
    el('div', { class: 'storage-head' }, el('h3', {}, storage.name), !isGood && el('span', { class: 'pill', 'data-tone': tone }, text)),
    storage.path && el('code', { class: 'storage-path' }, storage.path),
    shares && gauge(shares, sizes ?? ''),
    el('p', {}, sizes ?? `${bytes(storage.bytes)} of recordings`),
    reason && el('p', { class: isGood ? 'muted' : 'error-text' }, reason),
    !isGood && advice && el('p', { class: 'muted' }, advice),
    el('p', { class: 'muted' }, [forecast(storage), storage.retention && `Kept: ${storage.retention}.`].filter(Boolean).join(' ')),
  );
}

/**
 * @param {{ recorded: number, other: number }} shares
 * @param {string} label
 */
function gauge({ recorded, other }, label) {
  const parts = [el('i', { class: 'gauge-recorded' }), el('i', { class: 'gauge-other' })];
  [recorded, other].forEach((share, at) => parts[at]?.style.setProperty('width', `${share * 100}%`));
  return el('div', { class: 'gauge', role: 'img', 'aria-label': label }, ...parts);
}

// The row above the timeline: which day it is, days before and after, how much is in view.

import { ZOOM_STEP } from './scale.js';
import { dateRangeText, DAY_MS, HOUR_MS, MINUTE_MS } from './times.js';
import { viewText } from './words.js';
import { el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./keys.js').Action} Action
 */

/** Lengths offered, by name. @type {[string, number][]} */
const LENGTHS = [
  ['1 week', 7 * DAY_MS],
  ['1 day', DAY_MS],
  ['6 h', 6 * HOUR_MS],
  ['1 h', HOUR_MS],
  ['10 min', 10 * MINUTE_MS],
  ['1 min', MINUTE_MS],
];

/**
 * @param {Session} session
 * @param {(action: Action) => void} act
 * @param {HTMLElement} status where the page says what it did
 * @returns {HTMLElement}
 */
export function timelineHead(session, act, status) {
  /**
   * @param {import('../ui/icons.js').IconName} name
   * @param {string} label
   * @param {Action} action
   * @param {string} [kind]
   */
  const button = (name, label, action, kind = '') => {
    const made = el('button', { type: 'button', class: `icon-button ${kind}`, 'aria-label': label, title: label }, icon(name));
    made.addEventListener('click', () => act(action));
    return made;
  };
  const date = el('h2', { class: 'tl-date' });
  const newest = el('button', { type: 'button', class: 'button button-quiet', title: 'Newest recording (End)' }, 'Newest');
  newest.addEventListener('click', () => act({ type: 'newest' }));
  const options = LENGTHS.map(([text, length]) => el('option', { value: String(length) }, text));
  const other = el('option', { value: '', hidden: true });
  const length = el('select', { class: 'input tl-length', 'aria-label': 'How much is in view' }, other, ...options);
  length.addEventListener('change', () => session.zoom((session.view.to - session.view.from) / Number(length.value)));
  session.addEventListener('view', () => {
    const { from, to } = session.view;
    // What has not been yet is not worth a second date.
    setText(date, dateRangeText(from, Math.max(from, Math.min(to - 1, session.limits.to))));
    const known = LENGTHS.find(([, one]) => Math.abs(to - from - one) < one * 0.02);
    setText(other, viewText(session.view));
    length.value = known ? String(known[1]) : '';
  });
  return el(
    'div',
    { class: 'tl-head' },
    button('chevron', 'Day before with recordings (Shift d)', { type: 'day', sense: -1 }, 'cal-back'),
    date,
    button('chevron', 'Next day with recordings (d)', { type: 'day', sense: 1 }),
    newest,
    status,
    el('div', { class: 'tl-zoom', role: 'group', 'aria-label': `Zoom, each step ${ZOOM_STEP} times` }, button('minus', 'Look at more (−)', { type: 'zoom', sense: -1 }), length, button('plus', 'Look closer (+)', { type: 'zoom', sense: 1 })),
  );
}

// The keys of the page, and their help. Pure.

import { MINUTE_MS, SECOND_MS } from './times.js';

/**
 * @typedef {{ type: 'toggle' | 'export' | 'help' | 'oldest' | 'newest' | 'live' | 'mute' | 'fullscreen' }
 *   | { type: 'step', ms: number }
 *   | { type: 'zoom', sense: 1 | -1 }
 *   | { type: 'pan', sense: 1 | -1 }
 *   | { type: 'speed', sense: 1 | -1 }
 *   | { type: 'mark', which: 'a' | 'b' }
 *   | { type: 'event' | 'gap' | 'day', sense: 1 | -1 }} Action
 */

/** One press goes this far; with Shift, {@link STEP_LONG_MS}. */
export const STEP_MS = 10 * SECOND_MS;
export const STEP_LONG_MS = MINUTE_MS;

/** By the key's name in lower case. @type {Record<string, Action>} */
const ACTIONS = {
  ' ': { type: 'toggle' },
  k: { type: 'toggle' },
  '+': { type: 'zoom', sense: 1 },
  '=': { type: 'zoom', sense: 1 },
  '-': { type: 'zoom', sense: -1 },
  pageup: { type: 'pan', sense: -1 },
  pagedown: { type: 'pan', sense: 1 },
  '[': { type: 'mark', which: 'a' },
  ']': { type: 'mark', which: 'b' },
  e: { type: 'export' },
  n: { type: 'event', sense: 1 },
  p: { type: 'event', sense: -1 },
  d: { type: 'day', sense: 1 },
  '<': { type: 'speed', sense: -1 },
  '>': { type: 'speed', sense: 1 },
  home: { type: 'oldest' },
  end: { type: 'newest' },
  l: { type: 'live' },
  m: { type: 'mute' },
  f: { type: 'fullscreen' },
  '?': { type: 'help' },
};

/** What the same keys mean with Shift. @type {Record<string, Action>} */
const SHIFTED = { g: { type: 'gap', sense: -1 }, d: { type: 'day', sense: -1 } };

/**
 * @param {{ key: string, shiftKey?: boolean, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean }} press
 * @returns {Action | null} null leaves the key to the browser
 */
export function actionOf({ key, shiftKey = false, ctrlKey, metaKey, altKey }) {
  if (metaKey) return null;
  const name = key.toLowerCase();
  // Some keyboards write brackets with AltGr, which browsers tell as Ctrl and Alt together.
  if ((ctrlKey || altKey) && !(name === '[' || name === ']')) return null;
  if (name === 'arrowleft' || name === 'arrowright') {
    const step = shiftKey ? STEP_LONG_MS : STEP_MS;
    return { type: 'step', ms: name === 'arrowleft' ? -step : step };
  }
  if (name === 'g' && !shiftKey) return { type: 'gap', sense: 1 };
  return (shiftKey && own(SHIFTED, name)) || own(ACTIONS, name);
}

/**
 * @param {Record<string, Action>} table
 * @param {string} name
 */
function own(table, name) {
  return Object.hasOwn(table, name) ? /** @type {Action} */ (table[name]) : null;
}

/** Keys and what they do, as the help shows them. @type {{ keys: string[], text: string }[]} */
export const KEY_HELP = [
  { keys: ['Space'], text: 'Play or pause' },
  { keys: ['←', '→'], text: '10 seconds back or on' },
  { keys: ['Shift', '←', '→'], text: 'One minute back or on' },
  { keys: ['N', 'P'], text: 'Next or previous event' },
  { keys: ['G', 'Shift G'], text: 'Next or previous gap' },
  { keys: ['D', 'Shift D'], text: 'Next or previous day' },
  { keys: ['Home', 'End'], text: 'Oldest or newest recording' },
  { keys: ['+', '−'], text: 'Look closer, or at more' },
  { keys: ['Page ↑', 'Page ↓'], text: 'Move the timeline' },
  { keys: ['<', '>'], text: 'Slower or faster' },
  { keys: ['[', ']'], text: 'Mark A, where an export begins, and B, where it ends' },
  { keys: ['E'], text: 'Export from A to B' },
  { keys: ['L'], text: 'Live picture' },
  { keys: ['M', 'F'], text: 'Sound, full screen' },
  { keys: ['?'], text: 'This help' },
];

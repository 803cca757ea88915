// What of the list is worth finding and worth saying. Pure.

import { stateReason, stateText } from './state.js';
import { trackCodecs } from '../format.js';

/** @typedef {import('../control/types.js').Stream} Stream */

/** More changes at once than this are counted, not read out. */
const SPOKEN_MAX = 3;

/**
 * Whether each word of the query stands in the name, state, codecs or source addresses.
 * @param {Stream} stream
 * @param {string} query
 */
export function matches(stream, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [stream.name, stateText(stream.state), trackCodecs(stream.tracks), ...stream.sources.map(({ url }) => url)].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

/**
 * The difference between two looks as a sentence for screen readers, or "" if there is none.
 * @param {Stream[]} before
 * @param {Stream[]} now
 */
export function changes(before, now) {
  const old = new Map(before.map((stream) => [stream.name, stream]));
  const said = [];
  for (const { name, state, reason } of now) {
    const known = old.get(name);
    old.delete(name);
    if (known?.state === state) continue;
    const why = state === 'live' ? '' : stateReason(state, reason);
    said.push(`${name}: ${stateText(state)}${why ? `, ${why}` : ''}.`);
  }
  for (const name of old.keys()) said.push(`${name} was removed.`);
  return said.length > SPOKEN_MAX ? `${said.length} streams changed.` : said.join(' ');
}

// What stands below a stream when it is unfolded: its sources, publisher and viewers.

import { bytes, count, duration, protocolName, sinceThen, timeUntil, trackCodecs } from '../format.js';
import { stateText, stateTone } from './state.js';
import { el } from '../ui/dom.js';

/**
 * @typedef {import('../control/types.js').Stream} Stream
 * @typedef {import('../control/types.js').Source} Source
 * @typedef {import('../control/types.js').Reader} Reader
 * @typedef {import('../control/types.js').Track} Track
 */

/** Whose fault an error is, in words. @type {Record<string, string>} */
const FAULTS = { peer: 'the other side', us: 'this server', config: 'the configuration' };

/**
 * @param {Stream} stream
 * @param {number} nowMs
 * @returns {Node[]}
 */
export function detailsView(stream, nowMs) {
  const publisher = stream.publisher && el('li', {}, `${protocolName(stream.publisher.protocol)} from ${stream.publisher.remote_addr}`);
  return [
    group(count(stream.sources.length, 'source'), stream.sources.map((source) => sourceItem(source, nowMs))),
    group('Publisher', publisher ? [publisher] : []),
    group(count(stream.tracks.length, 'track'), stream.tracks.map(trackItem)),
    group(count(stream.readers.length, 'viewer'), stream.readers.map((reader) => readerItem(reader, nowMs))),
  ].filter((node) => node !== null);
}

/**
 * @param {string} title
 * @param {HTMLElement[]} items
 */
function group(title, items) {
  if (items.length === 0) return null;
  return el('section', { class: 'detail' }, el('h3', {}, title), el('ul', {}, ...items));
}

/**
 * @param {Source} source
 * @param {number} nowMs
 */
function sourceItem(source, nowMs) {
  const wait = timeUntil(source.next_try, nowMs);
  const parts = [
    source.attempt > 0 && source.state !== 'live' && `try ${source.attempt}`,
    wait && `next in ${wait}`,
    source.state === 'live' && `for ${sinceThen(source.since, nowMs)}`,
  ].filter(Boolean);
  const fault = source.fault && ` (${FAULTS[source.fault] ?? source.fault})`;
  return el(
    'li',
    {},
    el('code', {}, source.url),
    el('span', { class: 'tone', 'data-tone': stateTone(source.state) }, [stateText(source.state), ...parts].join(' · ')),
    source.error && el('span', { class: 'error-text' }, `${source.error}${fault || ''}`),
  );
}

/** @param {Track} track */
function trackItem(track) {
  const parts = [
    track.kind,
    trackCodecs([track]),
    track.codec_string,
    track.width && `${track.width}×${track.height}`,
    track.kind === 'audio' && track.clock_rate && `${track.clock_rate / 1000} kHz`,
    track.kind === 'audio' && track.channels && count(track.channels, 'channel'),
  ];
  return el('li', {}, parts.filter(Boolean).join(' · '));
}

/**
 * @param {Reader} reader
 * @param {number} nowMs
 */
function readerItem(reader, nowMs) {
  const parts = [
    protocolName(reader.protocol),
    reader.remote_addr,
    `for ${sinceThen(reader.since, nowMs)}`,
    bytes(reader.bytes),
    reader.skipped > 0 && `${reader.skipped} skipped`,
    reader.lag_ms >= 1000 && `${duration(reader.lag_ms)} behind`,
  ];
  return el('li', { title: reader.user_agent }, parts.filter(Boolean).join(' · '));
}

// `api/v1/recordings` as functions. Times go out as RFC 3339 and come in as milliseconds.

import { apiUrl, request } from '../control/client.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Overview} Overview
 * @typedef {import('./types.js').Timeline} Timeline
 * @typedef {import('./types.js').Recording} Recording
 * @typedef {import('./types.js').Day} Day
 */

/** Longest wait for media: 30 s. A disk that sleeps takes 10 s to spin up. */
const MEDIA_WAIT_MS = 30_000;

/** Names may hold slashes; each part between them is written so that it stays one. @param {string} stream */
export function streamPath(stream) {
  return `v1/recordings/${stream.split('/').map(encodeURIComponent).join('/')}`;
}

/** @param {number} ms */
function wire(ms) {
  return new Date(ms).toISOString();
}

/** @param {string | null | undefined} text */
function moment(text) {
  const ms = text ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/**
 * A range as it comes, with its times read; what has no end yet has none.
 * @template T
 * @param {T & { from: string, to: string | null }} raw
 * @returns {any}
 */
function ranged(raw) {
  return { ...raw, from: moment(raw.from) ?? 0, to: moment(raw.to) };
}

/** @param {any} raw @returns {Recording} */
function recordingOf(raw) {
  return { ...raw, since: moment(raw.since) };
}

/** @param {any[] | undefined} list */
const ordered = (list) => (list ?? []).map(ranged).sort((a, b) => a.from - b.from);

/** @returns {Promise<Overview>} */
export async function getOverview() {
  const body = await (await request(apiUrl('v1/recordings'))).json();
  const streams = (body.streams ?? []).map((/** @type {any} */ raw) => ({
    ...raw,
    from: moment(raw.from),
    to: moment(raw.to),
    recordings: (raw.recordings ?? []).map(recordingOf),
  }));
  return { streams, storages: body.storages ?? [] };
}

/**
 * @param {string} stream
 * @param {Range} range
 * @returns {Promise<Timeline>}
 */
export async function getTimeline(stream, { from, to }) {
  const body = await (await request(apiUrl(streamPath(stream), { from: wire(from), to: wire(to) }))).json();
  return {
    spans: ordered(body.spans),
    gaps: ordered(body.gaps),
    events: ordered(body.events),
    protected: ordered(body.protected),
    recordings: (body.recordings ?? []).map(recordingOf),
  };
}

/**
 * @param {string} stream
 * @param {number} offset minutes that the local clock is ahead of UTC
 * @returns {Promise<Day[]>}
 */
export async function getDays(stream, offset) {
  const body = await (await request(apiUrl(`${streamPath(stream)}/days`, { offset: String(offset) }))).json();
  return body.days ?? [];
}

/**
 * The codecs of what is recorded at a moment, or "".
 * @param {string} stream
 * @param {Range} range
 * @returns {Promise<string>}
 */
export async function getCodecs(stream, { from, to }) {
  const url = apiUrl(`${streamPath(stream)}/segments`, { from: wire(from), to: wire(to), limit: '1' });
  const body = await (await request(url)).json();
  return body.segments?.[0]?.tracks ?? '';
}

/**
 * @param {string} stream
 * @param {Range} range
 * @param {{ download?: boolean }} [how]
 */
export function exportUrl(stream, { from, to }, { download = false } = {}) {
  return apiUrl(`${streamPath(stream)}/export.mp4`, { from: wire(from), to: wire(to), ...(download && { download: '1' }) });
}

/**
 * @param {AbortSignal} signal
 */
function waiting(signal) {
  return AbortSignal.any([signal, AbortSignal.timeout(MEDIA_WAIT_MS)]);
}

/**
 * The clock's time of an export's first frame.
 * @param {URL} url
 * @param {AbortSignal} signal
 * @returns {Promise<number | null>} null if the server does not say
 */
export async function startOf(url, signal) {
  const response = await request(url, { method: 'HEAD', signal: waiting(signal) });
  return moment(response.headers.get('Aqueduct-From'));
}

/**
 * @param {string} stream
 * @param {import('./strip-plan.js').StripPlan} plan
 * @param {AbortSignal} signal
 * @returns {Promise<{ movie: Blob, times: string | null }>}
 */
export async function getStrip(stream, { from, to, count }, signal) {
  const url = apiUrl(`${streamPath(stream)}/strip.mp4`, { from: wire(from), to: wire(to), count: String(count) });
  const response = await request(url, { signal: waiting(signal) });
  return { movie: await response.blob(), times: response.headers.get('Aqueduct-Times') };
}

/**
 * The key frame at or before a moment.
 * @param {string} stream
 * @param {number} at
 * @param {AbortSignal} signal
 * @returns {Promise<{ movie: Blob, time: number }>}
 */
export async function getFrame(stream, at, signal) {
  const response = await request(apiUrl(`${streamPath(stream)}/frame.mp4`, { at: wire(at) }), { signal: waiting(signal) });
  return { movie: await response.blob(), time: moment(response.headers.get('Aqueduct-From')) ?? at };
}

/**
 * @param {string} stream
 * @param {Range} range
 * @param {string} note
 */
export async function protect(stream, { from, to }, note) {
  const body = JSON.stringify({ from: wire(from), to: wire(to), note });
  await request(apiUrl(`${streamPath(stream)}/protect`), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
}

/**
 * @param {string} stream
 * @param {number} id
 */
export async function unprotect(stream, id) {
  await request(apiUrl(`${streamPath(stream)}/protect/${id}`), { method: 'DELETE' });
}

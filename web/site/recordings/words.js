// How recordings are said to people: states, gaps, storage, forecasts, errors. Pure.

import { bytes, count, duration, sentence } from '../format.js';
import { lengthOf } from './scale.js';
import { clockText, DAY_MS, HOUR_MS, MINUTE_MS } from './times.js';

/**
 * @typedef {import('./types.js').Recording} Recording
 * @typedef {import('./types.js').RecordingState} RecordingState
 * @typedef {import('./types.js').Storage} Storage
 * @typedef {import('./types.js').Gap} Gap
 * @typedef {import('./types.js').Mark} Mark
 * @typedef {import('./selection.js').Estimate} Estimate
 *
 * @typedef {object} Badge
 * @property {string} text
 * @property {'record' | 'busy' | 'calm' | 'bad'} tone `record` is the red dot: only where bytes are being written
 * @property {string} reason
 */

/** @type {Record<RecordingState, { text: string, tone: Badge['tone'] }>} */
const STATES = {
  recording: { text: 'Recording', tone: 'record' },
  starting: { text: 'Starting', tone: 'busy' },
  waiting: { text: 'Waiting', tone: 'calm' },
  stalled: { text: 'Stalled', tone: 'bad' },
  armed: { text: 'Waits for an event', tone: 'calm' },
  scheduled: { text: 'Off by its schedule', tone: 'calm' },
  stopped: { text: 'Stopped', tone: 'calm' },
};

/** What a state without a reason means. @type {Partial<Record<RecordingState, string>>} */
const MEANINGS = {
  starting: 'nothing is on the disk yet',
  waiting: 'the stream has no picture',
  stalled: 'no media has reached the disk for a while',
  armed: 'what comes meanwhile is in memory only',
  scheduled: 'these are not its hours',
};

/**
 * One recording's state. A state that this page does not know is shown as the server says it, and never as a red dot.
 * @param {Recording} recording
 * @param {boolean} named with the format, where a stream has several
 * @returns {Badge}
 */
export function recordingBadge({ state, reason, format }, named = false) {
  const known = STATES[state] ?? { text: state, tone: 'calm' };
  return { text: named ? `${known.text} (${format})` : known.text, tone: known.tone, reason: reason || (MEANINGS[state] ?? '') };
}

/**
 * The badges of a stream; an answer that is too old to be believed says so instead.
 * @param {Recording[]} recordings
 * @param {boolean} known
 * @returns {Badge[]}
 */
export function recordingBadges(recordings, known) {
  if (!known) return [{ text: 'State unknown', tone: 'busy', reason: 'the server does not answer' }];
  if (recordings.length === 0) return [{ text: 'Not recording', tone: 'calm', reason: '' }];
  return recordings.map((recording) => recordingBadge(recording, recordings.length > 1));
}

/**
 * Days and hours as people say them: 12 days, 9 hours, less than an hour.
 * @param {number} ms
 */
export function roughly(ms) {
  if (ms >= 2 * DAY_MS) return count(Math.round(ms / DAY_MS), 'day');
  if (ms >= 1.5 * HOUR_MS) return count(Math.round(ms / HOUR_MS), 'hour');
  if (ms >= HOUR_MS) return 'an hour';
  return 'less than an hour';
}

/**
 * When the oldest recordings begin to make room; empty where the server does not know.
 * @param {Storage} storage
 */
export function forecast({ bytes_per_day: rate, days_left: left }) {
  const pace = rate != null && rate > 0 ? `${bytes(rate)} a day` : '';
  if (left == null || !Number.isFinite(left)) return pace && `Grows by ${pace}.`;
  const by = pace && `At ${pace}, `;
  if (left <= 0) return `${by}${by ? 'the' : 'The'} oldest recordings make room for new ones now.`;
  return `${by}${by ? 'the' : 'The'} oldest recordings are kept for another ${roughly(left * DAY_MS)} before they make room.`;
}

/** @type {Record<Storage['state'], { text: string, tone: Badge['tone'] }>} */
const STORAGE_STATES = {
  ok: { text: 'Good', tone: 'calm' },
  full: { text: 'Full', tone: 'bad' },
  slow: { text: 'Slow', tone: 'busy' },
  gone: { text: 'Gone', tone: 'bad' },
};

/** What to do about a storage, where the server's reason does not say. @type {Partial<Record<Storage['state'], string>>} */
const STORAGE_ADVICE = {
  full: 'Shorten how long recordings are kept, remove protected ranges, or give it more room.',
  slow: 'The disk does not keep up; record fewer streams on it, or use a faster one.',
  gone: 'The disk or the network share is not there; check that it is mounted.',
};

/** @param {Storage} storage */
export function storageBadge({ state, reason }) {
  const known = STORAGE_STATES[state] ?? { text: state, tone: 'calm' };
  return { ...known, reason: reason ?? '', advice: STORAGE_ADVICE[state] ?? '' };
}

/**
 * Shares of a storage for its gauge, 0 to 1; null where its size is not known.
 * @param {Storage} storage
 */
export function storageShares({ bytes: ours, free, total }) {
  if (!(total > 0) || !(free >= 0)) return null;
  const recorded = Math.min(1, Math.max(0, ours / total));
  return { recorded, other: Math.max(0, Math.min(1, 1 - free / total) - recorded), free: Math.min(1, free / total) };
}

/** @param {Gap} gap */
export function gapText({ from, to, why }) {
  const reason = why ?? 'the server knows no reason';
  return `Nothing recorded for ${duration(to - from)} from ${clockText(from)}: ${reason}`;
}

/** What happened, in the words of the list. @param {Mark} mark */
export function markTitle({ kind, text }) {
  const name = kind.charAt(0).toUpperCase() + kind.slice(1);
  return text ? `${name}: ${text}` : name;
}

/**
 * What an export will be.
 * @param {Estimate} estimate
 */
export function estimateText({ recordedMs, bytes: size, gaps }) {
  if (recordedMs <= 0) return 'Nothing is recorded between the marks.';
  const without = gaps > 0 ? `, without ${count(gaps, 'gap')}` : '';
  return `${duration(recordedMs)} of video${without}, about ${bytes(size)}`;
}

/**
 * How a download goes. `total` is null where the server does not say.
 * @param {number} done
 * @param {number | null} total
 * @param {number} ms since it began
 */
export function progressText(done, total, ms) {
  if (total === null || total <= 0) return `${bytes(done)} saved`;
  const share = `${Math.floor((Math.min(done, total) / total) * 100)} %`;
  // Before 2 s the speed is a guess about the first packets.
  const left = ms > 2_000 && done > 0 && done < total ? `, ${duration(Math.max(1_000, (ms / done) * (total - done)))} left` : '';
  return `${share} of ${bytes(total)}${left}`;
}

/** The length of the view, for the button between − and +. @param {import('./types.js').Range} view */
export function viewText(view) {
  const ms = lengthOf(view);
  if (ms >= 1.9 * DAY_MS) return count(Math.round(ms / DAY_MS), 'day');
  if (ms >= 1.5 * HOUR_MS) return `${Math.round(ms / HOUR_MS)} h`;
  if (ms >= 1.5 * MINUTE_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return `${Math.round(ms / 1000)} s`;
}

/** Why nothing can be changed here, and what would help. */
export const READ_ONLY_TEXT =
  'You may watch here, but not change anything: that takes the server’s own machine, or signing in once api.username and api.password are set.';

/**
 * An error of the server, with what to do about it where this page knows more.
 * @param {{ status?: number, message: string }} error
 * @param {{ change?: boolean }} [how] change: something was to be changed, not only watched
 */
export function adviceFor({ status, message }, { change = false } = {}) {
  const said = sentence(message);
  if (status === 401) return `${said} Load this page again and sign in.`;
  if (status === 403) return change ? `${said} ${READ_ONLY_TEXT}` : `${said} Ask whoever runs the server to let you watch.`;
  if (status === 404) return `${said} It may have made room for newer recordings; choose another moment.`;
  if (status === 507) return `${said} The disk is full; see Storage below.`;
  if (status !== undefined && status >= 500) return `${said} The server’s log says more.`;
  return said;
}

/**
 * Why a browser refuses a movie, by its codecs.
 * @param {string} codecs as the API names them: h265+aac
 */
export function cannotPlayText(codecs) {
  if (/^h264(\+aac)?$/i.test(codecs)) return 'The browser could not read this recording; its file may be damaged. Try a moment before or after it, or export it and open the file elsewhere.';
  const hevc = /h265|hevc/i.test(codecs);
  const what = codecs ? codecs.toUpperCase().replaceAll('+', ' + ') : 'this recording';
  return `This browser cannot play ${what}. ${hevc ? 'Safari, and Chrome or Edge on machines with a decoder for it, can. ' : ''}You can export it and open the file elsewhere.`;
}

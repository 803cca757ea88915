// The shapes of `api/v1/recordings/…`, as types only: this module has no code. Times become milliseconds since 1970 as
// they come in (`api.js`), so that nothing behind it reads a date twice.

/**
 * @typedef {object} Range
 * @property {number} from ms since 1970
 * @property {number} to ms since 1970
 *
 * @typedef {Range & { bytes: number }} Span media without a gap
 * @typedef {Range & { why: string | null }} Gap
 * @typedef {Range & { id: number, note: string }} Protection what retention leaves alone
 *
 * @typedef {object} Mark an event
 * @property {number} id
 * @property {number} from ms since 1970
 * @property {number | null} to null while it lasts, and for moments
 * @property {string} kind motion, clip, …
 * @property {string} text
 *
 * @typedef {'recording' | 'starting' | 'waiting' | 'stalled' | 'armed' | 'scheduled' | 'stopped'} RecordingState
 *
 * @typedef {object} Recording one that is being made, or is meant to be
 * @property {string} id
 * @property {string} stream
 * @property {string} format fmp4, mp4, hls, ts
 * @property {string} by config, api, event
 * @property {RecordingState} state
 * @property {string | null} reason
 * @property {number | null} since ms since 1970
 * @property {number} lost_ms
 *
 * @typedef {object} RecordedStream
 * @property {string} stream
 * @property {number | null} from its oldest media
 * @property {number | null} to its newest
 * @property {number} bytes
 * @property {Recording[]} recordings
 *
 * @typedef {object} Storage
 * @property {string} name
 * @property {string} [path] left out for those who may only watch
 * @property {'ok' | 'full' | 'slow' | 'gone'} state
 * @property {string | null} reason
 * @property {number} bytes of recordings
 * @property {number} free
 * @property {number} total
 * @property {number | null} bytes_per_day
 * @property {number | null} days_left until the oldest recordings make room
 * @property {string | null} retention in words
 *
 * @typedef {object} Overview
 * @property {RecordedStream[]} streams
 * @property {Storage[]} storages
 *
 * @typedef {object} Timeline
 * @property {Span[]} spans
 * @property {Gap[]} gaps
 * @property {Mark[]} events
 * @property {Protection[]} protected
 * @property {Recording[]} recordings
 *
 * @typedef {object} Day
 * @property {string} day 2026-11-29
 * @property {number} bytes
 * @property {number} seconds
 */

export {};

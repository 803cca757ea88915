// How numbers and codecs are said to people. Pure: no DOM, no clock (times come in as arguments).

/** @typedef {import('./control/types.js').Track} Track */

/** What stands where a value is not known. */
export const UNKNOWN = '–';

/**
 * A bit rate in the unit people expect: 900 kbit/s, 4.2 Mbit/s.
 * @param {number | null | undefined} bitsPerSecond
 */
export function bitrate(bitsPerSecond) {
  if (bitsPerSecond == null || !Number.isFinite(bitsPerSecond)) return UNKNOWN;
  if (bitsPerSecond < 1000) return `${Math.round(bitsPerSecond)} bit/s`;
  if (bitsPerSecond < 999_500) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  return `${(bitsPerSecond / 1e6).toFixed(bitsPerSecond < 9.95e6 ? 1 : 0)} Mbit/s`;
}

/**
 * An amount of data: 999 B, 12 kB, 3.4 GB (powers of ten).
 * @param {number | null | undefined} count
 */
export function bytes(count) {
  if (count == null || !Number.isFinite(count)) return UNKNOWN;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/**
 * A span of time with its two largest parts: 12s, 3m 05s, 2h 07m, 4d 3h.
 * @param {number | null | undefined} ms
 */
export function duration(ms) {
  if (ms == null || !Number.isFinite(ms) || ms < 0) return UNKNOWN;
  const s = Math.floor(ms / 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor(s / 3600) % 24}h`;
}

/**
 * Time passed since an RFC 3339 moment. A clock that is ahead of ours counts as "now".
 * @param {string | null | undefined} since
 * @param {number} nowMs
 */
export function sinceThen(since, nowMs) {
  const then = since ? Date.parse(since) : NaN;
  return Number.isNaN(then) ? UNKNOWN : duration(Math.max(0, nowMs - then));
}

/**
 * Time left until an RFC 3339 moment, or null if there is none or it has passed.
 * @param {string | null | undefined} then
 * @param {number} nowMs
 */
export function timeUntil(then, nowMs) {
  const at = then ? Date.parse(then) : NaN;
  return Number.isNaN(at) || at <= nowMs ? null : duration(Math.ceil((at - nowMs) / 1000) * 1000);
}

/** Codec names as people write them, by the table's or RTP's name in upper case. @type {Record<string, string>} */
const CODEC_NAMES = {
  H264: 'H.264', H265: 'H.265', HEVC: 'H.265', AV1: 'AV1', VP8: 'VP8', VP9: 'VP9', JPEG: 'JPEG', MJPEG: 'JPEG',
  AAC: 'AAC', OPUS: 'Opus', PCMA: 'G.711 A', PCMU: 'G.711 µ', FLAC: 'FLAC', MP3: 'MP3',
};

/**
 * @param {string} codec as the API or an RTP map names it
 */
export function codecName(codec) {
  return CODEC_NAMES[codec.toUpperCase()] ?? codec;
}

/** Beginnings of RFC 6381 codec strings and what they stand for. @type {[string, string][]} */
const CODEC_STRINGS = [
  ['avc', 'H.264'], ['hvc1', 'H.265'], ['hev1', 'H.265'], ['av01', 'AV1'], ['vp09', 'VP9'], ['vp8', 'VP8'],
  ['mp4a', 'AAC'], ['opus', 'Opus'], ['flac', 'FLAC'],
];

/**
 * The codecs of a MIME type's `codecs` parameter: `video/mp4; codecs="avc1.64001f,mp4a.40.2"` → H.264 + AAC.
 * @param {string} mime
 */
export function mimeCodecs(mime) {
  const list = /codecs="?([^"]*)"?/.exec(mime)?.[1] ?? '';
  return list
    .split(',')
    .map((text) => text.trim())
    .filter(Boolean)
    .map((text) => CODEC_STRINGS.find(([start]) => text.toLowerCase().startsWith(start))?.[1] ?? text)
    .join(' + ');
}

/**
 * @param {Track[]} tracks
 */
export function trackCodecs(tracks) {
  return tracks.map((track) => codecName(track.codec)).join(' + ') || UNKNOWN;
}

/**
 * Size and rate of the first video track: 1920×1080, 25 fps. Empty if there is no video or no size yet.
 * @param {Track[]} tracks
 */
export function videoShape(tracks) {
  const video = tracks.find((track) => track.kind === 'video');
  if (!video?.width || !video.height) return '';
  const fps = video.fps ? `, ${frameRate(video.fps)}` : '';
  return `${video.width}×${video.height}${fps}`;
}

/**
 * 25 fps, 29.97 fps.
 * @param {number | null | undefined} fps
 */
export function frameRate(fps) {
  return fps == null || !Number.isFinite(fps) ? UNKNOWN : `${Number(fps.toFixed(2))} fps`;
}

/**
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export function count(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

/** Protocols whose names are not all capitals. @type {Record<string, string>} */
const PROTOCOL_NAMES = { webrtc: 'WebRTC', 'http-flv': 'HTTP-FLV', flv: 'HTTP-FLV', 'ws-flv': 'WebSocket-FLV' };

/** @param {string} protocol as the API names it */
export function protocolName(protocol) {
  return PROTOCOL_NAMES[protocol.toLowerCase()] ?? protocol.toUpperCase();
}

/** A reason as a sentence: with a capital and one full stop. @param {string} text */
export function sentence(text) {
  const trimmed = text.trim().replace(/[.\s]+$/, '');
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}.`;
}

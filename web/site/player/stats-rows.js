// The player's statistics as rows for people. Pure.

import { bitrate, frameRate, UNKNOWN } from '../format.js';
import { MODE_NAMES } from './modes.js';

/**
 * @param {import('./state.js').PlayerStats} stats
 * @returns {{ label: string, value: string, title?: string }[]}
 */
export function statsRows(stats) {
  const ms = (/** @type {number | null} */ value) => (value === null ? UNKNOWN : `${value} ms`);
  return [
    { label: 'Transport', value: stats.mode ? MODE_NAMES[stats.mode] : UNKNOWN },
    { label: 'First frame', value: ms(stats.firstFrameMs), title: 'From the start of the try to the first picture' },
    { label: 'Codec', value: stats.codec || UNKNOWN },
    { label: 'Picture', value: stats.width ? `${stats.width}×${stats.height}` : UNKNOWN },
    { label: 'Frame rate', value: stats.fps === null ? UNKNOWN : frameRate(Math.round(stats.fps * 10) / 10) },
    { label: 'Bit rate', value: bitrate(stats.bitrate) },
    { label: 'Latency', value: stats.latencyMs === null ? UNKNOWN : `≈ ${stats.latencyMs} ms`, title: latencyMeaning(stats.mode) },
    { label: 'Frames', value: String(stats.framesDecoded) },
    { label: 'Freezes', value: String(stats.freezes) },
  ];
}

/** @param {import('./modes.js').Mode | null} mode */
function latencyMeaning(mode) {
  return mode === 'mse'
    ? 'Media waiting in the buffer; camera and network come on top'
    : 'Jitter buffer and half the round trip; the camera comes on top';
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bitrate, bytes, duration, frameRate, mimeCodecs, sinceThen, timeUntil, trackCodecs, videoShape } from '../site/format.js';

const NOW = Date.parse('2026-01-02T00:00:00Z');

test('a bit rate is said in the unit people expect', () => {
  assert.equal(bitrate(0), '0 bit/s');
  assert.equal(bitrate(64_000), '64 kbit/s');
  assert.equal(bitrate(999_499), '999 kbit/s');
  assert.equal(bitrate(999_500), '1.0 Mbit/s');
  assert.equal(bitrate(4_234_567), '4.2 Mbit/s');
  assert.equal(bitrate(25_400_000), '25 Mbit/s');
  assert.equal(bitrate(null), '–');
  assert.equal(bitrate(NaN), '–');
});

test('no amount of data has four digits before its unit', () => {
  assert.equal(bytes(999), '999 B');
  assert.equal(bytes(999_600), '1.0 MB');
  assert.equal(bytes(12_345_678), '12 MB');
  assert.equal(bytes(3.4e9), '3.4 GB');
});

test('a duration shows its two largest parts', () => {
  assert.equal(duration(12_900), '12s');
  assert.equal(duration(185_000), '3m 05s');
  assert.equal(duration(7_620_000), '2h 07m');
  assert.equal(duration(86_400_000 * 4 + 3_600_000 * 3), '4d 3h');
  assert.equal(duration(-1), '–');
});

test('a server whose clock is ahead of ours gives zero, not a negative time', () => {
  assert.equal(sinceThen('2026-01-02T00:00:09Z', NOW), '0s');
  assert.equal(sinceThen('2026-01-01T23:58:00Z', NOW), '2m 00s');
  assert.equal(sinceThen('yesterday', NOW), '–');
});

test('a next try that has passed is not counted down', () => {
  assert.equal(timeUntil('2026-01-02T00:00:04.200Z', NOW), '5s');
  assert.equal(timeUntil('2026-01-01T23:59:59Z', NOW), null);
  assert.equal(timeUntil(null, NOW), null);
});

test('codecs are named for people', () => {
  assert.equal(mimeCodecs('video/mp4; codecs="avc1.64001f,mp4a.40.2"'), 'H.264 + AAC');
  assert.equal(mimeCodecs('video/mp4; codecs="hvc1.1.6.L153.B0, opus"'), 'H.265 + Opus');
  assert.equal(mimeCodecs('video/mp4'), '');
  assert.equal(trackCodecs([{ id: 0, kind: 'video', codec: 'H265' }, { id: 1, kind: 'audio', codec: 'PCMA' }]), 'H.265 + G.711 A');
  assert.equal(trackCodecs([]), '–');
});

test('the shape of a stream is that of its video', () => {
  const audio = { id: 1, kind: 'audio', codec: 'AAC' };
  assert.equal(videoShape([audio, { id: 0, kind: 'video', codec: 'H264', width: 640, height: 360, fps: 25 }]), '640×360, 25 fps');
  assert.equal(videoShape([{ id: 0, kind: 'video', codec: 'H264', width: 640, height: 360 }]), '640×360');
  assert.equal(videoShape([audio]), '');
  assert.equal(frameRate(30000 / 1001), '29.97 fps');
});

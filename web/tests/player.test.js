import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffDelay, DELAY_FIRST_MS, DELAY_MAX_MS } from '../site/backoff.js';
import { Meter } from '../site/player/meter.js';
import { attemptOrder, parseModes } from '../site/player/modes.js';
import { CANDIDATES, supportedCodecs } from '../site/player/mse-codecs.js';
import { sentKinds } from '../site/player/sdp.js';
import { preferredOrder } from '../site/publish/whip.js';

test('modes are read from the attribute, and nonsense means both', () => {
  assert.deepEqual(parseModes('mse, WebRTC'), ['mse', 'webrtc']);
  assert.deepEqual(parseModes('mse,mse,constructor'), ['mse']);
  assert.deepEqual(parseModes(null), ['webrtc', 'mse']);
  assert.deepEqual(parseModes('hls'), ['webrtc', 'mse']);
});

test('the mode that worked is tried first, unless it is no longer asked for', () => {
  assert.deepEqual(attemptOrder(['webrtc', 'mse'], 'mse'), ['mse', 'webrtc']);
  assert.deepEqual(attemptOrder(['webrtc'], 'mse'), ['webrtc']);
  assert.deepEqual(attemptOrder(['webrtc', 'mse'], null), ['webrtc', 'mse']);
});

test('pauses double up to their limit and are spread', () => {
  assert.equal(backoffDelay(1, 1), DELAY_FIRST_MS);
  assert.equal(backoffDelay(3, 1), 4 * DELAY_FIRST_MS);
  assert.equal(backoffDelay(1e9, 1), DELAY_MAX_MS);
  assert.ok(backoffDelay(3, 0) < backoffDelay(3, 1));
  assert.ok(backoffDelay(0, 0) > 0);
});

test('rates come from the last two seconds only', () => {
  const meter = new Meter();
  const sample = { freezes: 0, codec: '', latencyMs: null };
  assert.deepEqual(meter.rates(), { fps: null, bitrate: null });
  // Ten seconds of nothing, then 25 frames and 125 kB a second.
  for (let half = 0; half < 20; half += 1) meter.handleSample({ ...sample, frames: 0, bytes: 0 }, half * 500);
  for (let half = 0; half <= 8; half += 1) meter.handleSample({ ...sample, frames: half * 12.5, bytes: half * 62_500 }, 10_000 + half * 500);
  assert.deepEqual(meter.rates(), { fps: 25, bitrate: 1_000_000 });
});

const ANSWER = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0'].join('\r\n');

test('media comes from sections that have a port and send', () => {
  const sdp = `${ANSWER}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\n`;
  assert.deepEqual([...sentKinds(sdp)], ['video']);
});

test('an inactive section sends nothing, an unmarked one does as the session says', () => {
  const inactive = `${ANSWER}\r\nm=video 9 RTP/AVP 96\r\na=inactive\r\nm=audio 9 RTP/AVP 0\r\n`;
  assert.deepEqual([...sentKinds(inactive)], ['audio']);
  const session = `${ANSWER}\r\na=recvonly\r\nm=audio 9 RTP/AVP 0\r\n`;
  assert.deepEqual([...sentKinds(session)], []);
});

test('no text breaks the reading of a description', () => {
  for (let end = 0; end < ANSWER.length; end += 1) assert.equal(sentKinds(ANSWER.slice(0, end)).size, 0);
  assert.equal(sentKinds('m=').size, 0);
});

test('only codecs that the browser plays are asked for', () => {
  assert.equal(supportedCodecs((mime) => mime.includes('avc1.640029') || mime.includes('opus')), 'avc1.640029,opus');
  assert.equal(supportedCodecs(() => true).split(',').length, CANDIDATES.length);
});

test('H.264 is offered before what fewer protocols carry, and nothing is lost', () => {
  const codecs = ['video/VP8', 'video/rtx', 'video/AV1', 'video/H264', 'video/H264'].map((mimeType) => ({ mimeType }));
  const order = preferredOrder(codecs).map(({ mimeType }) => mimeType);
  assert.deepEqual(order, ['video/H264', 'video/H264', 'video/VP8', 'video/AV1', 'video/rtx']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changes, matches } from '../site/streams/changes.js';
import { stateReason, stateText, stateTone } from '../site/streams/state.js';
import { nameProblem, SCHEMES, sourceProblem } from '../site/streams/validate.js';

/** @typedef {import('../site/control/types.js').Stream} Stream */

/**
 * @param {string} name
 * @param {Partial<Stream>} [more]
 * @returns {Stream}
 */
function stream(name, more = {}) {
  const empty = { tracks: [], sources: [], readers: [], publisher: null, bytes_in: 0, bitrate_in: 0, units_in: 0 };
  return { name, state: 'idle', reason: null, since: '2026-01-01T00:00:00Z', ...empty, ...more };
}

test('names that the server refuses are refused here, with a reason', () => {
  for (const good of ['demo', 'door/talk', 'Kamera Süd', 'a'.repeat(255)]) assert.equal(nameProblem(good), null, good);
  for (const bad of ['', ' a', 'a ', 'a?b', 'a#b', 'a\\b', 'a\nb', 'a//b', '/a', 'a/', '..', 'a/./b', 'ü'.repeat(128)]) {
    assert.ok(nameProblem(bad), JSON.stringify(bad));
  }
  assert.match(nameProblem('demo', ['demo']) ?? '', /already/);
});

test('the examples that the help gives are all valid', () => {
  for (const { example } of SCHEMES) assert.equal(sourceProblem(example), null, example);
});

test('sources without a scheme, a host or their slashes are caught', () => {
  for (const bad of ['', '  ', '192.168.1.20', 'rtsp:192.168.1.20', 'rtsp://', 'rtmp://a b/c', 'file://clip.mp4']) {
    assert.ok(sourceProblem(bad), JSON.stringify(bad));
  }
});

test('schemes this page does not know are left to the server', () => {
  for (const good of ['ffmpeg:demo#video=h264', 'onvif://user:pass@10.0.0.2', 'rtsps://[fd00::1]:322/a', 'srt://h:1']) {
    assert.equal(sourceProblem(good), null, good);
  }
});

test('the search looks at names, states, codecs and addresses, for every word', () => {
  const garden = stream('Garden', { state: 'live', tracks: [{ id: 0, kind: 'video', codec: 'H265' }] });
  assert.ok(matches(garden, ''));
  assert.ok(matches(garden, 'gard live'));
  assert.ok(matches(garden, 'h.265'));
  assert.ok(!matches(garden, 'garden idle'));
});

test('changes of state are said, with their reason, and counted when there are many', () => {
  const before = [stream('a'), stream('b', { state: 'live' }), stream('c')];
  const now = [stream('a', { state: 'live' }), stream('b', { state: 'backoff', reason: 'connection refused' })];
  assert.equal(changes(before, now), 'a: Live. b: Retrying, connection refused. c was removed.');
  assert.equal(changes(before, before), '');
  assert.equal(changes([], ['1', '2', '3', '4'].map((name) => stream(name))), '4 streams changed.');
});

test('a state this page does not know yet is shown as the server says it', () => {
  const unknown = /** @type {any} */ ('draining');
  assert.equal(stateText(unknown), 'draining');
  assert.equal(stateTone(unknown), 'calm');
  assert.equal(stateReason('idle', null), 'starts with its first viewer');
  assert.equal(stateReason('backoff', 'refused'), 'refused');
});

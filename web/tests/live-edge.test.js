import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lagTargetAfterStall, LAG_TARGET_MAX_S, LAG_TARGET_S, planBuffer } from '../site/player/live-edge.js';

/** Seconds since 1970: what absolute timestamps look like. */
const START = 1_763_000_000;

/**
 * @param {[number, number][]} ranges relative to START
 * @param {number} currentTime absolute
 */
const plan = (ranges, currentTime, paused = false) =>
  planBuffer({ ranges: ranges.map(([a, b]) => [START + a, START + b]), currentTime, paused, lagTarget: LAG_TARGET_S });

test('a fresh player at zero goes to the start of the first buffered range', () => {
  assert.equal(plan([[0, 0.04]], 0).seekTo, START);
});

test('nothing is asked of an empty buffer', () => {
  assert.deepEqual(plan([], 0), { seekTo: null, dropBefore: null, rate: 1, lag: 0 });
});

test('near the live edge playback is left alone', () => {
  assert.deepEqual(plan([[0, 5]], START + 4.5), { seekTo: null, dropBefore: null, rate: 1, lag: 0.5 });
});

test('a little behind it plays faster, and never more than a quarter', () => {
  const { rate, seekTo } = plan([[0, 5]], START + 3);
  assert.equal(seekTo, null);
  assert.ok(rate > 1.1 && rate <= 1.25, `rate ${rate}`);
});

test('far behind it jumps to the edge', () => {
  assert.equal(plan([[0, 30]], START + 1).seekTo, START + 29.5);
});

test('a jump stays inside a short last range', () => {
  assert.equal(plan([[0, 30], [40, 40.2]], START + 1).seekTo, START + 40);
});

test('a gap in the stream is jumped over', () => {
  assert.equal(plan([[0, 5], [8, 9]], START + 5.2).seekTo, START + 8);
});

test('a buffer that just ran dry is waited for, a clock that went back is followed', () => {
  assert.equal(plan([[0, 5]], START + 5.3).seekTo, null);
  assert.equal(plan([[0, 5]], START + 500).seekTo, START);
});

test('played media is dropped in pieces, ten seconds behind the position', () => {
  assert.equal(plan([[0, 14.5]], START + 14).dropBefore, null);
  assert.equal(plan([[0, 15.5]], START + 15).dropBefore, START + 5);
});

test('a paused player does not move, and its buffer does not grow without end', () => {
  const { seekTo, dropBefore } = plan([[0, 60]], START + 2, true);
  assert.equal(seekTo, null);
  assert.equal(dropBefore, START + 50);
});

test('each stall adds reserve up to a limit', () => {
  let target = LAG_TARGET_S;
  const once = lagTargetAfterStall(target);
  assert.ok(once > target);
  for (let stalls = 0; stalls < 50; stalls += 1) target = lagTargetAfterStall(target);
  assert.equal(target, LAG_TARGET_MAX_S);
});

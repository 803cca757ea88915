import assert from 'node:assert/strict';
import { test } from 'node:test';

import { actionOf, KEY_HELP } from '../site/recordings/keys.js';
import { canGrow, rangeToLoad } from '../site/recordings/load-plan.js';
import { isIn, isNextDue, planAt, secondsOf, wallOf, WINDOW_MS } from '../site/recordings/playback-plan.js';
import { frameAt, parseTimes, serves, STRIP_FRAMES_MAX, stripFor } from '../site/recordings/strip-plan.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../site/recordings/times.js';

const START = Date.parse('2026-11-29T00:00:00Z');
/** Recorded until noon, from 13:00 to 13:10, and from 14:00 on. */
const SPANS = [
  { from: START, to: START + 12 * HOUR_MS, bytes: 1 },
  { from: START + 13 * HOUR_MS, to: START + 13 * HOUR_MS + 10 * MINUTE_MS, bytes: 1 },
  { from: START + 14 * HOUR_MS, to: START + 20 * HOUR_MS, bytes: 1 },
];

test('inside a span, a window of limited length is played from the moment itself', () => {
  const at = START + HOUR_MS;
  assert.deepEqual(planAt(SPANS, at), { kind: 'window', at, from: at, to: at + WINDOW_MS, gap: null });
});

test('a window ends where its span ends', () => {
  const plan = planAt(SPANS, START + 13 * HOUR_MS + MINUTE_MS);
  assert.equal(plan.kind === 'window' && plan.to, SPANS[1].to);
});

test('in a gap the next span is played, and what was passed over is known', () => {
  const at = START + 12.5 * HOUR_MS;
  const plan = planAt(SPANS, at);
  assert.deepEqual(plan.kind === 'window' && [plan.at, plan.gap], [SPANS[1].from, { from: at, to: SPANS[1].from }]);
});

test('the last instant of a span is its end: there is no frame left', () => {
  const plan = planAt(SPANS, SPANS[0].to - 50);
  assert.deepEqual(plan.kind === 'window' && plan.gap, { from: SPANS[0].to, to: SPANS[1].from });
});

test('window after window, everything recorded is played once, and the end is reached', () => {
  let time = START - DAY_MS;
  let played = 0;
  let gaps = 0;
  for (let turn = 0; turn < 100; turn += 1) {
    const plan = planAt(SPANS, time);
    if (plan.kind === 'end') {
      assert.equal(plan.last, SPANS[2].to);
      break;
    }
    assert.ok(plan.to > plan.at && plan.at >= time, 'it goes on');
    if (plan.gap) gaps += 1;
    played += plan.to - plan.at;
    time = plan.to;
  }
  assert.equal(played, SPANS.reduce((sum, { from, to }) => sum + to - from, 0));
  assert.equal(gaps, 3, 'before the first, and the two between');
});

test('nothing recorded is the end, without a last moment', () => {
  assert.deepEqual(planAt([], START), { kind: 'end', last: null });
});

test('the movie begins at the key frame before, and its times stand for the clock’s', () => {
  const movie = { startsAt: START - 1_400, to: START + MINUTE_MS };
  assert.equal(secondsOf(movie, START), 1.4);
  assert.equal(wallOf(movie, 1.4), START);
  assert.equal(secondsOf(movie, START - HOUR_MS), 0, 'never before its beginning');
});

test('a moment is looked for in the movie at hand, but not in its last instant', () => {
  const movie = { startsAt: START, to: START + MINUTE_MS };
  assert.ok(isIn(movie, START) && isIn(movie, START + 59_000));
  assert.ok(!isIn(movie, START - 1) && !isIn(movie, START + MINUTE_MS - 10) && !isIn(movie, START + HOUR_MS));
});

test('played faster, the next window is made ready earlier', () => {
  const movie = { startsAt: START, to: START + 10 * MINUTE_MS };
  const minuteLeft = movie.to - MINUTE_MS;
  assert.ok(!isNextDue(movie, minuteLeft, 1));
  assert.ok(isNextDue(movie, minuteLeft, 8));
  assert.ok(isNextDue(movie, movie.to - 10_000, 1));
});

const VIEW = { from: START + HOUR_MS, to: START + 7 * HOUR_MS };

test('a strip covers the view and has no more frames than there is room for', () => {
  const plan = stripFor(VIEW, 1140, SPANS);
  assert.ok(plan && plan.from <= VIEW.from && plan.to >= VIEW.to);
  assert.equal(plan.count, 57);
  assert.equal(stripFor(VIEW, 5_000, SPANS)?.count, STRIP_FRAMES_MAX);
  assert.ok((stripFor(VIEW, 360, SPANS)?.count ?? 99) <= 18);
});

test('where nothing is recorded there is no strip, and it does not reach beyond what is', () => {
  assert.equal(stripFor({ from: START + 30 * HOUR_MS, to: START + 31 * HOUR_MS }, 800, SPANS), null);
  const plan = stripFor({ from: START + 19 * HOUR_MS, to: START + 25 * HOUR_MS }, 1140, SPANS);
  assert.equal(plan?.to, SPANS[2].to);
  assert.ok((plan?.count ?? 99) < 30, 'a sixth of the view needs no sixty frames');
});

test('a small move, and a recording that has grown by seconds, are served by the strip at hand', () => {
  const strip = stripFor(VIEW, 1140, SPANS);
  assert.ok(strip);
  const moved = stripFor({ from: VIEW.from + MINUTE_MS, to: VIEW.to + MINUTE_MS }, 1140, SPANS);
  assert.ok(moved && serves(strip, moved));
  assert.ok(serves(strip, { ...strip, to: strip.to + 5_000 }));
  const closer = stripFor({ from: VIEW.from, to: VIEW.from + HOUR_MS }, 1140, SPANS);
  assert.ok(closer && !serves(strip, closer), 'closer, it is too coarse');
});

test('the frame of a moment is the last one before it', () => {
  const times = [100, 200, 900];
  assert.deepEqual([50, 100, 199, 200, 899, 5_000].map((time) => frameAt(times, time)), [0, 0, 0, 1, 1, 2]);
  assert.equal(frameAt([], 5), -1);
});

test('a header that is not a list of times is no times', () => {
  assert.deepEqual(parseTimes('1795950000000, 1795950060000'), [1_795_950_000_000, 1_795_950_060_000]);
  assert.deepEqual(parseTimes(null), []);
  assert.deepEqual(parseTimes('soon,later'), []);
});

test('a view is loaded with room around it, and moving a little loads nothing', () => {
  const range = rangeToLoad(VIEW, null);
  assert.ok(range && range.from <= VIEW.from - 6 * HOUR_MS && range.to >= VIEW.to + 6 * HOUR_MS);
  assert.equal(rangeToLoad({ from: VIEW.from - HOUR_MS, to: VIEW.to - HOUR_MS }, range), null);
  assert.equal(rangeToLoad({ from: VIEW.from + HOUR_MS, to: VIEW.from + 2 * HOUR_MS }, range), null, 'nor looking closer');
  assert.ok(rangeToLoad({ from: VIEW.from - DAY_MS, to: VIEW.to - DAY_MS }, range));
});

test('only what reaches the present is looked at again', () => {
  assert.ok(canGrow({ from: START, to: START + DAY_MS }, START + DAY_MS));
  assert.ok(!canGrow({ from: START, to: START + HOUR_MS }, START + DAY_MS));
  assert.ok(!canGrow(null, START));
});

test('each key does what the help says', () => {
  const pressed = (/** @type {string} */ key, more = {}) => actionOf({ key, ...more });
  assert.deepEqual(pressed(' '), { type: 'toggle' });
  assert.deepEqual(pressed('ArrowLeft'), { type: 'step', ms: -10_000 });
  assert.deepEqual(pressed('ArrowRight', { shiftKey: true }), { type: 'step', ms: 60_000 });
  assert.deepEqual(pressed('N'), { type: 'event', sense: 1 });
  assert.deepEqual(pressed('p'), { type: 'event', sense: -1 });
  assert.deepEqual(pressed('g'), { type: 'gap', sense: 1 });
  assert.deepEqual(pressed('G', { shiftKey: true }), { type: 'gap', sense: -1 });
  assert.deepEqual(pressed('D', { shiftKey: true }), { type: 'day', sense: -1 });
  assert.deepEqual(pressed('['), { type: 'mark', which: 'a' });
  assert.deepEqual(pressed('End'), { type: 'newest' });
  for (const { keys } of KEY_HELP) assert.ok(keys.length > 0);
});

test('keys of the browser are left to it, but brackets typed with AltGr are ours', () => {
  for (const key of ['e', 'p', 'n', 'f', '+', 'ArrowLeft']) assert.equal(actionOf({ key, ctrlKey: true }), null, key);
  assert.equal(actionOf({ key: '[', metaKey: true }), null);
  assert.deepEqual(actionOf({ key: ']', ctrlKey: true, altKey: true }), { type: 'mark', which: 'b' });
  for (const key of ['x', 'Tab', 'constructor', 'Enter']) assert.equal(actionOf({ key }), null, key);
});

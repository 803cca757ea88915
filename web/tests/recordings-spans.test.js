import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clusters, landing, LEAD_MS, markAfter, markBefore } from '../site/recordings/marks.js';
import { estimate, fileName, markedRange, withMark } from '../site/recordings/selection.js';
import { bytesWithin, gapsBetween, mergeSpans, rangeAfter, rangeAt, rangeBefore, recordedMs, shapes } from '../site/recordings/spans.js';

/**
 * @param {number} from
 * @param {number} to
 */
const span = (from, to, bytes = to - from) => ({ from, to, bytes });
const SPANS = [span(1_000, 5_000), span(10_000, 20_000), span(30_000, 31_000)];

test('spans come in order, joined where they touch or overlap, with all their bytes', () => {
  const merged = mergeSpans([span(9_000, 12_000, 30), span(1_000, 4_000, 10), span(4_100, 6_000, 20), span(10_000, 11_000, 5)]);
  assert.deepEqual(merged, [span(1_000, 6_000, 30), span(9_000, 12_000, 35)]);
});

test('what the server sent is not changed by merging, and empty spans are nothing', () => {
  const sent = [span(0, 1_000), span(1_000, 2_000), span(5_000, 5_000)];
  const copy = structuredClone(sent);
  assert.equal(mergeSpans(sent).length, 1);
  assert.deepEqual(sent, copy);
});

test('a span has its first moment and not its last', () => {
  assert.equal(rangeAt(SPANS, 1_000), SPANS[0]);
  assert.equal(rangeAt(SPANS, 5_000), null);
  assert.equal(rangeAt(SPANS, 999), null);
  assert.equal(rangeAt([], 5), null);
});

test('the spans around a moment are found, in spans, in gaps and beyond', () => {
  assert.equal(rangeAfter(SPANS, 7_000), SPANS[1]);
  assert.equal(rangeAfter(SPANS, 12_000), SPANS[2]);
  assert.equal(rangeAfter(SPANS, 30_000), null);
  assert.equal(rangeBefore(SPANS, 12_000), SPANS[0]);
  assert.equal(rangeBefore(SPANS, 40_000), SPANS[2]);
  assert.equal(rangeBefore(SPANS, 0), null);
});

test('gaps and spans together are the whole range, without overlap', () => {
  const within = { from: 0, to: 40_000 };
  const gaps = gapsBetween(SPANS, [], within);
  assert.deepEqual(gaps.map(({ from, to }) => [from, to]), [[0, 1_000], [5_000, 10_000], [20_000, 30_000], [31_000, 40_000]]);
  assert.equal(gaps.reduce((sum, { from, to }) => sum + to - from, 0) + recordedMs(SPANS, within), 40_000);
});

test('a gap has the reasons that the server knows, each once', () => {
  const known = [
    { from: 5_000, to: 7_000, why: 'timed out' },
    { from: 7_000, to: 8_000, why: null },
    { from: 8_000, to: 9_000, why: 'restarted' },
    { from: 9_000, to: 10_000, why: 'timed out' },
  ];
  const gaps = gapsBetween(SPANS, known, { from: 2_000, to: 25_000 });
  assert.deepEqual(gaps.map(({ why }) => why), ['timed out; restarted', null]);
});

test('a pause shorter than a frame is not a gap', () => {
  assert.deepEqual(gapsBetween([span(0, 1_000), span(1_150, 2_000)], [], { from: 0, to: 2_000 }), []);
});

test('bytes of a part are its share of the span', () => {
  assert.equal(bytesWithin([span(0, 10_000, 1_000)], { from: 2_500, to: 5_000 }), 250);
  assert.equal(bytesWithin(SPANS, { from: 0, to: 40_000 }), 15_000);
  assert.equal(bytesWithin(SPANS, { from: 6_000, to: 9_000 }), 0);
});

test('a gap of a second is still seen on a day', () => {
  const day = { from: 0, to: 86_400_000 };
  const [shape] = shapes([{ from: 40_000_000, to: 40_001_000 }], day, 360, 3);
  assert.equal(shape?.width, 3);
});

test('a thousand gaps are no more shapes than there are pixels', () => {
  const many = Array.from({ length: 5_000 }, (_, n) => ({ from: n * 1_000, to: n * 1_000 + 500 }));
  const drawn = shapes(many, { from: 0, to: 5_000_000 }, 300, 3);
  assert.ok(drawn.length <= 300, String(drawn.length));
  assert.equal(drawn.reduce((sum, { count }) => sum + count, 0), 5_000, 'and none is lost');
});

test('shapes stay inside the timeline', () => {
  for (const { left, width } of shapes(SPANS, { from: 3_000, to: 30_200 }, 100, 3)) {
    assert.ok(left >= 0 && left + width <= 100.001, `${left} ${width}`);
  }
});

const MARKS = [10, 60, 61, 200].map((second, id) => ({ id, from: second * 1_000, to: null, kind: 'motion', text: '' }));

test('going to the next event shows what led to it, and pressed again goes on', () => {
  const first = markAfter(MARKS, 0);
  assert.equal(first && landing(first), 10_000 - LEAD_MS);
  assert.equal(markAfter(MARKS, landing({ from: 10_000 }))?.from, 60_000);
  assert.equal(markAfter(MARKS, 195_000), null);
});

test('pressed twice while it plays, "previous" goes one further back', () => {
  assert.equal(markBefore(MARKS, 70_000)?.from, 61_000);
  assert.equal(markBefore(MARKS, landing({ from: 60_000 }) + 1_500)?.from, 10_000);
  assert.equal(markBefore(MARKS, landing({ from: 10_000 }) + 4_000)?.from, 10_000, 'later, it is that event again');
  assert.equal(markBefore(MARKS, 2_000), null);
});

test('marks that would lie on each other are one', () => {
  const found = clusters(MARKS, { from: 0, to: 220_000 }, 220);
  assert.deepEqual(found.map(({ marks }) => marks.length), [1, 2, 1]);
  assert.equal(clusters(MARKS, { from: 59_000, to: 62_000 }, 220).length, 2, 'closer, they are two');
});

test('a mark that would turn the range round takes the other away', () => {
  assert.deepEqual(withMark({ a: 10, b: 20 }, 'a', 25), { a: 25, b: null });
  assert.deepEqual(withMark({ a: 10, b: 20 }, 'b', 5), { a: null, b: 5 });
  assert.deepEqual(withMark({ a: 10, b: 20 }, 'b', 15), { a: 10, b: 15 });
});

test('one mark alone stands for a minute', () => {
  assert.deepEqual(markedRange({ a: 60_000, b: null }), { from: 60_000, to: 120_000 });
  assert.deepEqual(markedRange({ a: null, b: 60_000 }), { from: 0, to: 60_000 });
  assert.equal(markedRange({ a: null, b: null }), null);
});

test('an estimate counts only what is recorded, and the gaps that the file will not have', () => {
  assert.deepEqual(estimate(SPANS, { from: 3_000, to: 40_000 }), { recordedMs: 13_000, bytes: 13_000, gaps: 2 });
  assert.deepEqual(estimate(SPANS, { from: 6_000, to: 9_000 }), { recordedMs: 0, bytes: 0, gaps: 0 });
});

test('file names are valid everywhere and sort by time', () => {
  const at = new Date(2026, 10, 9, 7, 3, 5).getTime();
  assert.equal(fileName('door/talk & süd', at), 'door_talk_süd_2026-11-09_07-03-05.mp4');
  assert.doesNotMatch(fileName('../a:b*c', at), /[/:*]/);
});

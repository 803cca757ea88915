import assert from 'node:assert/strict';
import { test } from 'node:test';

import { monthAfter, monthGrid, neighbourDay } from '../site/recordings/calendar.js';
import {
  bounded, centred, endingAt, followed, LABEL_PX, lengthOf, revealed, ticks, tickStep, timeAt, VIEW_MAX_MS, VIEW_MIN_MS, xOf, zoomed,
} from '../site/recordings/scale.js';
import {
  clockText, dateRangeText, DAY_MS, dayAfter, dayKey, dayRange, fieldText, HOUR_MS, MINUTE_MS, offsetMinutes, parseMoment,
} from '../site/recordings/times.js';

// A zone whose clocks change: on 29 March 2026 there is no 2:30, on 25 October there are two.
process.env.TZ = 'Europe/Berlin';

const NOON = Date.parse('2026-11-29T12:00:00+01:00');
const HOUR = { from: NOON, to: NOON + HOUR_MS };
const LOCALE = 'en-GB';

test('a day of the calendar is as long as the clocks make it', () => {
  assert.equal(lengthOf(dayRange('2026-11-29')), 24 * HOUR_MS);
  assert.equal(lengthOf(dayRange('2026-03-29')), 23 * HOUR_MS);
  assert.equal(lengthOf(dayRange('2026-10-25')), 25 * HOUR_MS);
});

test('a moment belongs to the day of the wall clock, not of UTC', () => {
  assert.equal(dayKey(Date.parse('2026-11-28T23:30:00Z')), '2026-11-29');
  assert.equal(dayRange('2026-11-29').from, Date.parse('2026-11-28T23:00:00Z'));
});

test('days are counted over months, years and changes of clocks', () => {
  assert.equal(dayAfter('2026-12-31', 1), '2027-01-01');
  assert.equal(dayAfter('2026-03-01', -1), '2026-02-28');
  assert.equal(dayAfter('2026-10-25', 1), '2026-10-26');
});

test('the offset that days are asked with is that of their season', () => {
  assert.equal(offsetMinutes(NOON), 60);
  assert.equal(offsetMinutes(Date.parse('2026-07-01T00:00:00Z')), 120);
});

test('moments are read as RFC 3339 or seconds, and nonsense is none', () => {
  assert.equal(parseMoment('2026-11-29T11:00:00Z'), NOON);
  assert.equal(parseMoment('2026-11-29T12:00:00'), NOON, 'a field has local time');
  assert.equal(parseMoment(String(NOON / 1000)), NOON);
  assert.equal(parseMoment('1795950000.25'), 1_795_950_000_250);
  for (const bad of ['', ' ', 'yesterday', '2026-13-40']) assert.equal(parseMoment(bad), null, bad);
});

test('what a field shows is read back as the same second', () => {
  for (const ms of [NOON, Date.parse('2026-01-02T03:04:05Z')]) assert.equal(parseMoment(fieldText(ms)), ms);
});

test('times of day are those of the wall clock, with seconds where asked', () => {
  assert.equal(clockText(NOON + 61_000, { locale: LOCALE }), '12:01:01');
  assert.equal(clockText(NOON, { seconds: false, locale: LOCALE }), '12:00');
});

test('a range within a day is one date, over midnight it is two', () => {
  assert.equal(dateRangeText(NOON, NOON + HOUR_MS, LOCALE), 'Sun, 29 Nov 2026');
  assert.match(dateRangeText(NOON, NOON + DAY_MS, LOCALE), /29.*30 Nov 2026/);
});

test('places and times are each other’s inverse', () => {
  for (const x of [0, 1, 333, 800]) assert.equal(Math.round(xOf(HOUR, 800, timeAt(HOUR, 800, x))), x);
  assert.equal(xOf(HOUR, 800, NOON + HOUR_MS / 2), 400);
  assert.ok(Number.isFinite(timeAt(HOUR, 0, 5)), 'a timeline that is not shown has no width');
});

test('what is under the pointer stays under it while zooming', () => {
  const anchor = NOON + 20 * MINUTE_MS;
  for (const factor of [2, 0.5, 1.1]) {
    const view = zoomed(HOUR, factor, anchor);
    assert.equal(Math.round(xOf(view, 1000, anchor)), Math.round(xOf(HOUR, 1000, anchor)));
    assert.equal(Math.round(lengthOf(view)), Math.round(HOUR_MS / factor));
  }
});

test('zooming ends at a minute and at a week', () => {
  let view = HOUR;
  for (let times = 0; times < 40; times += 1) view = zoomed(view, 2, NOON);
  assert.equal(lengthOf(view), VIEW_MIN_MS);
  for (let times = 0; times < 40; times += 1) view = zoomed(view, 0.5, NOON);
  assert.equal(lengthOf(view), VIEW_MAX_MS);
});

test('the timeline cannot be pushed out of sight', () => {
  const limits = { from: NOON - DAY_MS, to: NOON };
  const future = bounded({ from: NOON + 5 * DAY_MS, to: NOON + 6 * DAY_MS }, limits);
  assert.equal((future.from + future.to) / 2, NOON);
  assert.equal(lengthOf(future), DAY_MS);
  const inside = { from: NOON - 2 * HOUR_MS, to: NOON - HOUR_MS };
  assert.deepEqual(bounded(inside, limits), inside);
});

test('a playhead that moves by itself turns the page at nine tenths', () => {
  assert.equal(followed(HOUR, NOON + 0.89 * HOUR_MS), HOUR);
  const next = followed(HOUR, NOON + 0.95 * HOUR_MS);
  assert.equal(Math.round(xOf(next, 100, NOON + 0.95 * HOUR_MS)), 10);
  assert.equal(lengthOf(next), HOUR_MS);
});

test('a playhead that was put into view moves nothing, elsewhere it comes to the middle', () => {
  assert.equal(revealed(HOUR, NOON + 0.99 * HOUR_MS), HOUR);
  assert.deepEqual(revealed(HOUR, NOON - DAY_MS), centred(NOON - DAY_MS, HOUR_MS));
});

test('the newest stands near the right edge, and it is seen that nothing follows', () => {
  const view = endingAt(NOON, HOUR_MS);
  assert.equal(lengthOf(view), HOUR_MS);
  assert.equal(Math.round(xOf(view, 100, NOON)), 95);
});

test('labels always have room, from a minute to a week, on phones and wide screens', () => {
  for (const width of [320, 390, 1140]) {
    for (const length of [MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS]) {
      assert.ok((tickStep(length, width) / length) * width >= LABEL_PX, `${width} px, ${length} ms`);
      const marks = ticks({ from: NOON, to: NOON + length }, width, LOCALE);
      assert.ok(marks.length >= 1 && marks.length <= width / LABEL_PX + 1, `${width} px, ${length} ms: ${marks.length}`);
    }
  }
});

test('marks stand at whole steps of the local clock, and midnight says the date', () => {
  const marks = ticks(dayRange('2026-11-29'), 1140, LOCALE);
  assert.deepEqual(marks.slice(0, 3).map(({ label }) => label), ['Sun 29 Nov', '02:00', '04:00']);
  assert.equal(marks[0]?.day, true);
  assert.deepEqual(ticks({ from: NOON + 3_000, to: NOON + 60_000 }, 390, LOCALE).map(({ label }) => label), ['12:00:15', '12:00:30', '12:00:45']);
});

test('on the days when the clocks change, marks are still at whole hours, in order, and noon is noon', () => {
  for (const key of ['2026-03-29', '2026-10-25']) {
    const marks = ticks(dayRange(key), 1140, LOCALE);
    assert.ok(marks.some(({ label }) => label === '12:00'), key);
    assert.ok(marks.every(({ label, day }) => day || label.endsWith(':00')), key);
    for (let at = 1; at < marks.length; at += 1) assert.ok(marks[at].time > marks[at - 1].time, `${key}: ${marks[at].label}`);
  }
});

test('a month is whole weeks, and has each of its days once', () => {
  for (const firstDay of [1, 6, 7]) {
    for (const [month, days] of [['2026-11', 30], ['2026-02', 28], ['2028-02', 29], ['2026-03', 31]]) {
      const cells = monthGrid(String(month), firstDay).flat();
      assert.equal(cells.length % 7, 0);
      const inside = cells.filter(({ inMonth }) => inMonth);
      assert.deepEqual(inside.map(({ day }) => day), Array.from({ length: Number(days) }, (_, at) => at + 1));
    }
  }
  assert.equal(monthGrid('2026-11', 1)[0]?.[6]?.key, '2026-11-01', 'that Sunday ends a week that began in October');
  assert.equal(monthGrid('2026-02', 7).length, 4, 'a February of four weeks');
});

test('months are turned over the year’s end', () => {
  assert.equal(monthAfter('2026-12', 1), '2027-01');
  assert.equal(monthAfter('2026-01', -1), '2025-12');
});

test('the next day is the next one with recordings', () => {
  const days = new Set(['2026-11-29', '2026-11-02', '2026-12-05']);
  assert.equal(neighbourDay(days, '2026-11-10', 1), '2026-11-29');
  assert.equal(neighbourDay(days, '2026-11-29', -1), '2026-11-02');
  assert.equal(neighbourDay(days, '2026-11-02', -1), null);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  adviceFor, cannotPlayText, estimateText, forecast, gapText, markTitle, progressText, recordingBadge, recordingBadges, roughly, storageBadge, storageShares, viewText,
} from '../site/recordings/words.js';

const DAY_MS = 86_400_000;
const recording = (/** @type {any} */ state, reason = null, format = 'fmp4') => ({ id: 'x', stream: 'cam', format, by: 'config', state, reason, since: null, lost_ms: 0 });
const storage = (more = {}) => /** @type {any} */ ({ name: 'main', state: 'ok', reason: null, bytes: 600e9, free: 300e9, total: 1e12, bytes_per_day: 40e9, days_left: 7.6, retention: null, ...more });

test('the red dot is for the state "recording" alone', () => {
  const states = ['recording', 'starting', 'waiting', 'stalled', 'armed', 'scheduled', 'stopped', 'a state of tomorrow'];
  const red = states.filter((state) => recordingBadge(recording(state)).tone === 'record');
  assert.deepEqual(red, ['recording']);
});

test('an answer that is out of date is not believed', () => {
  assert.deepEqual(recordingBadges([recording('recording')], false).map(({ tone }) => tone), ['busy']);
});

test('a state has the server’s reason, or what it means by itself', () => {
  assert.equal(recordingBadge(recording('stalled', 'the disk is slow')).reason, 'the disk is slow');
  assert.match(recordingBadge(recording('waiting')).reason, /no picture/);
  assert.equal(recordingBadge(recording('recording')).reason, '');
});

test('several recordings of a stream are told apart by their format', () => {
  const texts = recordingBadges([recording('recording'), recording('stalled', 'x', 'ts')], true).map(({ text }) => text);
  assert.deepEqual(texts, ['Recording (fmp4)', 'Stalled (ts)']);
  assert.deepEqual(recordingBadges([recording('recording')], true).map(({ text }) => text), ['Recording']);
  assert.deepEqual(recordingBadges([], true).map(({ text }) => text), ['Not recording']);
});

test('a forecast is in plain words', () => {
  assert.equal(forecast(storage()), 'At 40 GB a day, the oldest recordings are kept for another 8 days before they make room.');
  assert.match(forecast(storage({ days_left: 0.2 })), /another 5 hours/);
  assert.match(forecast(storage({ days_left: 0 })), /make room for new ones now/);
});

test('what the server does not know is not invented', () => {
  assert.equal(forecast(storage({ days_left: null, bytes_per_day: null })), '');
  assert.equal(forecast(storage({ days_left: NaN, bytes_per_day: 0 })), '');
  assert.equal(forecast(storage({ days_left: null })), 'Grows by 40 GB a day.');
  assert.equal(forecast(storage({ bytes_per_day: null })), 'The oldest recordings are kept for another 8 days before they make room.');
  assert.equal(storageShares(storage({ total: 0, free: 0 })), null);
});

test('times to come are rough, and never zero of something', () => {
  assert.equal(roughly(12.4 * DAY_MS), '12 days');
  assert.equal(roughly(1.5 * DAY_MS), '36 hours');
  assert.equal(roughly(4_000_000), 'an hour');
  assert.equal(roughly(60_000), 'less than an hour');
});

test('the shares of a gauge are the whole', () => {
  for (const one of [storage(), storage({ bytes: 0 }), storage({ bytes: 2e12, free: 0 }), storage({ free: 1e12, bytes: 5e9 })]) {
    const shares = storageShares(one);
    assert.ok(shares);
    for (const share of Object.values(shares)) assert.ok(share >= 0 && share <= 1, JSON.stringify(shares));
    assert.ok(shares.recorded + shares.other <= 1 + 1e-9);
  }
});

test('a storage in trouble says what to do', () => {
  for (const state of ['full', 'slow', 'gone']) assert.ok(storageBadge(storage({ state })).advice.length > 20, state);
  assert.equal(storageBadge(storage()).advice, '');
});

test('a gap tells how long, from when, and why, or that nobody knows', () => {
  assert.match(gapText({ from: 0, to: 185_000, why: 'timed out' }), /3m 05s from .*: timed out$/);
  assert.match(gapText({ from: 0, to: 185_000, why: null }), /no reason$/);
});

test('events have their kind and their text', () => {
  const mark = { id: 1, from: 0, to: null, kind: 'motion', text: '' };
  assert.equal(markTitle(mark), 'Motion');
  assert.equal(markTitle({ ...mark, text: 'at the gate' }), 'Motion: at the gate');
  assert.equal(markTitle({ ...mark, kind: '' }), '');
});

test('an export says how long and large it will be, and what is missing', () => {
  assert.equal(estimateText({ recordedMs: 300_000, bytes: 75e6, gaps: 0 }), '5m 00s of video, about 75 MB');
  assert.match(estimateText({ recordedMs: 300_000, bytes: 75e6, gaps: 2 }), /without 2 gaps/);
  assert.match(estimateText({ recordedMs: 0, bytes: 0, gaps: 0 }), /Nothing is recorded/);
});

test('progress has a share only where the size is known, and a rest only once it can be told', () => {
  assert.equal(progressText(5e6, null, 9_000), '5.0 MB saved');
  assert.equal(progressText(5e6, 20e6, 500), '25 % of 20 MB');
  assert.equal(progressText(5e6, 20e6, 10_000), '25 % of 20 MB, 30s left');
  assert.equal(progressText(20e6, 20e6, 10_000), '100 % of 20 MB');
});

test('errors say what to do', () => {
  assert.match(adviceFor({ status: 403, message: 'only this machine may' }, { change: true }), /^Only this machine may\. You may watch/);
  assert.match(adviceFor({ status: 403, message: 'not yours' }), /let you watch/);
  assert.match(adviceFor({ status: 404, message: 'gone' }), /choose another moment/);
  assert.match(adviceFor({ status: 500, message: 'oh' }), /log/);
  assert.equal(adviceFor({ message: 'The server does not answer.' }), 'The server does not answer.');
});

test('a browser without the codec is told which one it lacks, and the way out', () => {
  const text = cannotPlayText('h265+aac');
  assert.match(text, /H265 \+ AAC/);
  assert.match(text, /Safari/);
  assert.match(text, /export/);
  assert.doesNotMatch(cannotPlayText('av1'), /Safari/);
  assert.match(cannotPlayText('h264+aac'), /damaged/, 'what every browser plays is not the browser’s fault');
});

test('the length of the view is said in one unit', () => {
  const said = (/** @type {number} */ ms) => viewText({ from: 0, to: ms });
  assert.deepEqual([60_000, 600_000, 3_600_000 * 3, DAY_MS, 7 * DAY_MS].map(said), ['60 s', '10 min', '3 h', '24 h', '7 days']);
});

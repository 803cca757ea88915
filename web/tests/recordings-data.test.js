import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { exportUrl, getOverview, getTimeline, streamPath } from '../site/recordings/api.js';
import { StreamData } from '../site/recordings/data.js';
import { HOUR_MS } from '../site/recordings/times.js';

const realFetch = globalThis.fetch;
afterEach(() => void (globalThis.fetch = realFetch));

/**
 * Answers every request by a function of its address; gives the list of what was asked.
 * @param {(url: URL) => any} answer
 */
function serve(answer) {
  /** @type {URL[]} */
  const asked = [];
  globalThis.fetch = /** @type {any} */ (async (/** @type {URL} */ url) => {
    asked.push(url);
    const body = answer(url);
    return body instanceof Response ? body : new Response(JSON.stringify(body));
  });
  return asked;
}

const iso = (/** @type {number} */ ms) => new Date(ms).toISOString();
/** Long ago, so that nothing of it can still grow. */
const START = Date.parse('2026-01-05T00:00:00Z');
const timeline = (/** @type {[number, number][]} */ ...spans) => ({
  spans: spans.map(([from, to]) => ({ from: iso(from), to: iso(to), bytes: to - from })), gaps: [], events: [], protected: [], recordings: [],
});

test('slashes in names stay, everything else is written so that it stays one part', () => {
  assert.equal(streamPath('door/talk & süd'), 'v1/recordings/door/talk%20%26%20s%C3%BCd');
  const url = exportUrl('a/b?c', { from: START, to: START + 1_000 }, { download: true });
  assert.match(url.pathname, /\/api\/v1\/recordings\/a\/b%3Fc\/export\.mp4$/);
  assert.deepEqual(Object.fromEntries(url.searchParams), { from: '2026-01-05T00:00:00.000Z', to: '2026-01-05T00:00:01.000Z', download: '1' });
});

test('times come in as milliseconds, and what is not there is null', async () => {
  serve(() => ({ streams: [{ stream: 'cam', from: null, to: null, bytes: 0, recordings: [{ state: 'waiting', since: iso(START) }] }], storages: [] }));
  const { streams } = await getOverview();
  assert.equal(streams[0]?.from, null);
  assert.equal(streams[0]?.recordings[0]?.since, START);
});

test('an answer without its lists is read as empty', async () => {
  serve(() => ({}));
  assert.deepEqual(await getTimeline('cam', { from: START, to: START + 1 }), { spans: [], gaps: [], events: [], protected: [], recordings: [] });
  assert.deepEqual(await getOverview(), { streams: [], storages: [] });
});

test('events come in order, and one that lasts has no end', async () => {
  serve(() => ({ events: [{ id: 2, from: iso(START + 5), to: null }, { id: 1, from: iso(START), to: iso(START + 2) }] }));
  const { events } = await getTimeline('cam', { from: START, to: START + 9 });
  assert.deepEqual(events.map(({ id, to }) => [id, to]), [[1, START + 2], [2, null]]);
});

test('views that come while an answer is under way are asked for once, the last of them', async () => {
  const asked = serve(() => timeline([START, START + HOUR_MS]));
  const data = new StreamData('cam');
  const views = [0, 100, 200, 300].map((hours) => ({ from: START + hours * HOUR_MS, to: START + (hours + 1) * HOUR_MS }));
  await Promise.all(views.map((view) => data.show(view)));
  assert.equal(asked.length, 2);
  assert.ok(data.loaded && data.loaded.from <= views[3].from && data.loaded.to >= views[3].to);
});

test('a refusal is told, and the next view is asked for all the same', async () => {
  let isBroken = true;
  serve(() => (isBroken ? new Response('the index is being repaired', { status: 503 }) : timeline([START, START + 1_000])));
  const data = new StreamData('cam');
  /** @type {string[]} */
  const told = [];
  data.addEventListener('failure', (event) => told.push(/** @type {CustomEvent} */ (event).detail.message));
  await data.show({ from: START, to: START + HOUR_MS });
  assert.deepEqual(told, ['the index is being repaired']);
  isBroken = false;
  await data.show({ from: START, to: START + HOUR_MS });
  assert.equal(data.timeline.spans.length, 1);
});

test('what to play is known from what is loaded, without another question', async () => {
  const asked = serve(() => timeline([START - 9 * HOUR_MS, START + 9 * HOUR_MS]));
  const data = new StreamData('cam');
  await data.show({ from: START, to: START + 3 * HOUR_MS });
  assert.equal((await data.spansFrom(START + HOUR_MS)).length, 1);
  assert.equal(asked.length, 1);
});

test('after a gap of weeks the next span is found', async () => {
  const later = START + 500 * HOUR_MS;
  const asked = serve((url) => (Date.parse(url.searchParams.get('to') ?? '') > later ? timeline([later, later + HOUR_MS]) : timeline()));
  const spans = await new StreamData('cam').spansFrom(START);
  assert.equal(spans[0]?.from, later);
  assert.equal(asked.length, 2);
});

test('gaps are told only within what is loaded and within the stream’s own time', async () => {
  serve(() => timeline([START, START + HOUR_MS], [START + 2 * HOUR_MS, START + 3 * HOUR_MS]));
  const data = new StreamData('cam');
  const limits = { from: START, to: START + 3 * HOUR_MS };
  assert.deepEqual(data.gaps(limits), [], 'before the first answer nothing is claimed');
  await data.show({ from: START, to: START + HOUR_MS });
  assert.deepEqual(data.gaps(limits).map(({ from, to }) => [from, to]), [[START + HOUR_MS, START + 2 * HOUR_MS]]);
});

test('days are asked for once for each offset, and again after a failure', async () => {
  let isBroken = true;
  const asked = serve(() => (isBroken ? new Response('', { status: 500 }) : { days: [{ day: '2026-01-05', bytes: 1, seconds: 60 }] }));
  const data = new StreamData('cam');
  await assert.rejects(data.days(60));
  isBroken = false;
  await data.days(60);
  assert.deepEqual([...(await data.days(60))], ['2026-01-05']);
  await data.days(120);
  assert.deepEqual(asked.map((url) => url.searchParams.get('offset')), ['60', '60', '120']);
});

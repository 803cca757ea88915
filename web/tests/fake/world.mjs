// What the stand-in server has recorded: made up from the clock, the same each time it is asked.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** 2 Mbit/s. */
const BYTES_PER_MS = 250;

const begun = Date.now();
const iso = (ms) => new Date(ms).toISOString();

/** Gaps as [how long before the start of this program, how long, why]. */
const GAPS = [
  [2 * DAY + 3 * HOUR, 5 * HOUR, 'the camera did not answer: connection refused'],
  [26 * HOUR, 40 * MINUTE, 'the server was restarted'],
  [5 * HOUR, 12 * MINUTE, 'the disk was full'],
  [95 * MINUTE, 4 * SECOND, 'the camera sent nothing for 4 s'],
  [30 * MINUTE, 3 * MINUTE, 'the camera did not answer: timed out'],
];

function spansOf(from, to, gaps) {
  const spans = [];
  let at = from;
  for (const [ago, long] of gaps) {
    const gap = begun - ago;
    if (gap <= at || gap >= to) continue;
    spans.push([at, gap]);
    at = gap + long;
  }
  spans.push([at, to]);
  return spans.map(([a, b]) => ({ from: a, to: b, bytes: Math.round((b - a) * BYTES_PER_MS) }));
}

const recording = (stream, state, reason = null) => ({
  id: `${stream}:fmp4`, stream, format: 'fmp4', by: 'config', state, reason, since: iso(begun - HOUR), bytes: 1e9, segments: 40, lost_ms: 0, file: null,
});

const kinds = [['motion', 'near the gate'], ['motion', ''], ['clip', 'doorbell rang'], ['person', 'at the door']];

/** Each stream: spans, recordings, events, protected ranges; `now` moves on. */
function streams() {
  const now = Date.now() - 2 * SECOND;
  const day = (n) => begun - n * DAY;
  const events = Array.from({ length: 70 }, (_, n) => {
    const [kind, text] = kinds[n % kinds.length];
    const from = begun - (n * n * 37 + n * 11) * SECOND - 3 * MINUTE;
    return { id: n + 1, from, to: kind === 'clip' ? null : from + (8 + n) * SECOND, kind, text };
  });
  return {
    'front-door': { spans: spansOf(day(4), now, GAPS), gaps: GAPS, recordings: [recording('front-door', 'recording')], events },
    garden: { spans: spansOf(day(2), begun - 9 * MINUTE, GAPS), gaps: [...GAPS, [9 * MINUTE, DAY, 'the disk does not take what is written']], recordings: [recording('garden', 'stalled', 'no byte has reached the disk for 9 m: nas-1 is slow')], events: [] },
    'old/attic': { spans: spansOf(day(40), day(33), []), gaps: [], recordings: [], events: [] },
    'yard/gate': { spans: [], gaps: [], recordings: [recording('yard/gate', 'waiting', 'the camera does not answer: no route to host')], events: [] },
  };
}

const kept = [{ id: 1, from: begun - 4 * HOUR, to: begun - 4 * HOUR + 11 * MINUTE, note: 'parcel thief', stream: 'front-door' }];

export function overview({ readOnly }) {
  const list = Object.entries(streams()).map(([stream, { spans, recordings }]) => ({
    stream,
    from: spans[0] ? iso(spans[0].from) : null,
    to: spans.length ? iso(spans.at(-1).to) : null,
    bytes: spans.reduce((sum, span) => sum + span.bytes, 0),
    segments: spans.length * 12,
    recordings,
  }));
  const path = (text) => (readOnly ? {} : { path: text });
  const storages = [
    { name: 'main', ...path('/srv/recordings'), state: 'ok', reason: null, bytes: 1.31e12, free: 420e9, total: 2e12, segments: 31_000, bytes_per_day: 41e9, days_left: 9.4, retention: '30 days' },
    { name: 'nas-1', ...path('/mnt/nas'), state: 'slow', reason: 'writing 1 MiB takes 4.2 s', bytes: 90e9, free: 3.1e12, total: 4e12, segments: 900, bytes_per_day: null, days_left: null, retention: null },
  ];
  return { streams: list, storages };
}

/** Spans of a stream as they are now, or null for a stream that is not known. */
export function spansNow(name) {
  return streams()[name]?.spans ?? null;
}

const within = (list, from, to) => list.filter((one) => one.from < to && (one.to ?? one.from) >= from);
const said = (one) => ({ ...one, from: iso(one.from), to: one.to == null ? null : iso(one.to) });

export function timeline(name, from, to) {
  const stream = streams()[name];
  if (!stream) return null;
  const gaps = stream.gaps.map(([ago, long, why]) => ({ from: begun - ago, to: Math.min(begun - ago + long, Date.now()), why }));
  const clip = (one) => ({ ...one, from: Math.max(one.from, from), to: Math.min(one.to, to) });
  const spans = within(stream.spans, from, to).map((span) => {
    const part = clip(span);
    return { ...part, bytes: Math.round((part.to - part.from) * BYTES_PER_MS) };
  });
  return {
    stream: name, from: iso(from), to: iso(to), bytes: 0, segments: 0,
    spans: spans.map(said),
    gaps: within(gaps, from, to).map(clip).map(said),
    events: within(stream.events, from, to).map(said),
    protected: within(kept.filter((one) => one.stream === name), from, to).map(said),
    recordings: stream.recordings,
  };
}

export function days(name, offset) {
  const shift = offset * MINUTE;
  const found = new Map();
  for (const { from, to } of spansNow(name) ?? []) {
    for (let at = from; at < to; ) {
      const end = Math.min(to, Math.floor((at + shift) / DAY + 1) * DAY - shift);
      const key = iso(at + shift).slice(0, 10);
      found.set(key, (found.get(key) ?? 0) + (end - at));
      at = end;
    }
  }
  return { days: [...found].map(([day, ms]) => ({ day, bytes: Math.round(ms * BYTES_PER_MS), seconds: ms / SECOND })) };
}

export function protect(stream, range) {
  kept.push({ id: kept.length + 1, stream, from: Date.parse(range.from), to: Date.parse(range.to), note: range.note });
  return kept.length;
}

export function unprotect(id) {
  const at = kept.findIndex((one) => one.id === id);
  if (at >= 0) kept.splice(at, 1);
}

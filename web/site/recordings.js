// recordings.html?src=name&at=time: the recordings of a stream, on a timeline.

import { Actions } from './recordings/actions.js';
import { badgesView } from './recordings/badges-view.js';
import { CalendarView } from './recordings/calendar-view.js';
import { Deck } from './recordings/deck.js';
import { ExportPanel } from './recordings/export-panel.js';
import { Happenings } from './recordings/happenings.js';
import { openHelp } from './recordings/help.js';
import { isForTimeline } from './recordings/key-target.js';
import { actionOf } from './recordings/keys.js';
import { landing } from './recordings/marks.js';
import { Popup } from './recordings/popup.js';
import { ProtectedList } from './recordings/protected-list.js';
import { Session } from './recordings/session.js';
import { Stage } from './recordings/stage.js';
import { storagePanel } from './recordings/storage-view.js';
import { Thumbs } from './recordings/thumbs.js';
import { parseMoment, zoneName } from './recordings/times.js';
import { timelineHead } from './recordings/timeline-head.js';
import { TimelineView } from './recordings/timeline.js';
import { transportBar } from './recordings/transport.js';
import { adviceFor, gapText } from './recordings/words.js';
import { ServerError } from './control/client.js';
import { byId, el, pageParameter, setText } from './ui/dom.js';
import { startPage } from './ui/page.js';

/** The page's address follows the playhead, but browsers allow only some changes of it in a while. */
const ADDRESS_MS = 700;

const session = new Session();
const deck = new Deck(session);
const thumbs = new Thumbs(session);
const stage = new Stage(session, deck, thumbs);
const popup = new Popup(session);
const exporting = new ExportPanel(session);
const status = el('p', { id: 'status', class: 'tl-status', role: 'status' });
const select = byId('stream', HTMLSelectElement);
const live = byId('live', HTMLAnchorElement);
const view = byId('view', HTMLElement);
const actions = new Actions({ session, deck, stage, exporting, openHelp, openLive: () => live.click(), say });
const act = actions.act.bind(actions);
/** The pointer is over the timeline: pictures are worth fetching. */
let isPointed = false;
/** Whether it played when the scrubbing began; null while nobody scrubs. @type {boolean | null} */
let scrubbedFrom = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let addressTimer;

const timeline = new TimelineView(
  session,
  {
    onScrub: (time) => {
      scrubbedFrom ??= deck.isRunning;
      deck.video?.pause();
      stage.scrubbing = true;
      session.setTime(time, 'never');
      point(time, [popup.canvas, stage.still]);
    },
    onScrubEnd: (time) => {
      const play = scrubbedFrom ?? deck.isRunning;
      scrubbedFrom = null;
      stage.scrubbing = false;
      popup.show(null);
      actions.go(time, play);
    },
    onFlag: (which, time) => {
      session.mark(which, time);
      point(time, [popup.canvas]);
    },
    onPan: (to) => session.setView(to),
    onZoom: (factor, anchor) => session.zoom(factor, anchor),
    onHover: (time) => point(time, [popup.canvas]),
  },
  (mark) => actions.go(landing(mark)),
);

/**
 * Shows what is at a moment, above the timeline and in other places.
 * @param {number | null} time
 * @param {HTMLCanvasElement[]} canvases
 */
function point(time, canvases) {
  if (!isPointed && time !== null) thumbs.prepare(timeline.width);
  isPointed = time !== null;
  if (popup.show(time) && time !== null) thumbs.draw(time, canvases);
  else thumbs.cancel();
}

/** @param {string} text */
function say(text) {
  setText(status, text);
}

/** @param {unknown} error */
function showFailure(error) {
  // A server from before recordings, or one that has them switched off, is not broken: it has none.
  if (error instanceof ServerError && error.status === 404 && !session.overview) {
    showEmpty('');
    return;
  }
  byId('loading', HTMLElement).hidden = true;
  byId('failure', HTMLElement).hidden = false;
  setText(byId('failure-text', HTMLElement), adviceFor(/** @type {Error} */ (error)));
}

/** Says how recordings come about, for one stream or in general. @param {string} name */
function showEmpty(name) {
  byId('loading', HTMLElement).hidden = true;
  view.hidden = true;
  byId('panels', HTMLElement).hidden = true;
  byId('empty', HTMLElement).hidden = false;
  setText(byId('empty-title', HTMLElement), name ? `Nothing is recorded of ${name}` : 'No recordings yet');
  const key = /^[\w-]*$/.test(name) ? name || 'front-door' : JSON.stringify(name);
  const lines = ['streams:', `  ${key}:`, '    url: rtsp://…', '    record: true'];
  setText(byId('empty-lines', HTMLElement), lines.join('\n'));
}

/** The list of streams, and at first the one that the page's address asks for. */
function showStreams() {
  const { overview, data } = session;
  if (!overview) return;
  // What the timeline could not load stays said until it could.
  if (!data) byId('failure', HTMLElement).hidden = true;
  const names = overview.streams.map(({ stream }) => stream).sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const listed = [...select.options].map(({ value }) => value);
  if (names.join('\n') !== listed.join('\n')) {
    select.replaceChildren(...names.map((name) => el('option', { value: name }, name)));
    select.value = data?.stream ?? '';
  }
  byId('stream-field', HTMLElement).hidden = names.length === 0;
  const wanted = data?.stream ?? pageParameter('src') ?? '';
  if (names.includes(wanted) || (!wanted && names.length > 0)) {
    if (!data) choose(wanted || firstWithMedia() || (names[0] ?? ''), parseMoment(pageParameter('at')));
  } else {
    select.value = '';
    showEmpty(wanted);
  }
}

function firstWithMedia() {
  return session.overview?.streams.find(({ from }) => from !== null)?.stream;
}

/**
 * @param {string} name
 * @param {number | null} at
 */
function choose(name, at = null) {
  byId('loading', HTMLElement).hidden = true;
  byId('empty', HTMLElement).hidden = true;
  view.hidden = false;
  byId('panels', HTMLElement).hidden = false;
  select.value = name;
  document.title = `Recordings of ${name} · Aqueduct`;
  live.href = `player.html?src=${encodeURIComponent(name)}`;
  live.hidden = false;
  thumbs.reset();
  say('');
  session.choose(name, at);
  deck.reset(session.time);
}

function showToTests() {
  window.__recordings = { phase: deck.phase, time: session.time, stream: session.data?.stream ?? '' };
}

function keepAddress() {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => {
    const address = new URL(location.href);
    address.searchParams.set('src', session.data?.stream ?? '');
    address.searchParams.set('at', new Date(session.time).toISOString());
    history.replaceState(null, '', address);
  }, ADDRESS_MS);
}

startPage();
timeline.element.append(popup.element);
popup.timeline = timeline;
byId('badges', HTMLElement).append(badgesView(session));
byId('stage', HTMLElement).append(stage.element, transportBar(deck, act));
byId('timeline', HTMLElement).prepend(timelineHead(session, act, status), timeline.element);
byId('side', HTMLElement).append(new CalendarView(session, (key) => void actions.showDay(key)).element, new Happenings(session, (time) => actions.go(time)).element);
byId('panels', HTMLElement).append(exporting.element, new ProtectedList(session, (time) => actions.go(time)).element, storagePanel(session));
setText(byId('zone', HTMLElement), `Times are those of ${zoneName()}.`);

session.addEventListener('overview', showStreams);
session.addEventListener('failure', (event) => showFailure(/** @type {CustomEvent} */ (event).detail));
session.addEventListener('reachable', () => (byId('offline', HTMLElement).hidden = session.reachable || !session.overview));
session.addEventListener('data', () => (byId('failure', HTMLElement).hidden = true));
for (const kind of ['view', 'data']) session.addEventListener(kind, () => isPointed && thumbs.prepare(timeline.width));
session.addEventListener('time', () => {
  showToTests();
  if (deck.phase !== 'playing') keepAddress();
});
deck.addEventListener('time', () => scrubbedFrom === null && deck.phase === 'playing' && session.setTime(deck.time, 'seen'));
deck.addEventListener('change', () => {
  showToTests();
  if (deck.phase === 'paused') keepAddress();
});
deck.addEventListener('skip', (event) => {
  /** @type {import('./recordings/types.js').Range} */
  const gap = /** @type {CustomEvent} */ (event).detail;
  const why = session.gaps.find(({ from, to }) => from < gap.to && to > gap.from)?.why ?? null;
  say(`Passed over a gap. ${gapText({ ...gap, why })}.`);
});

select.addEventListener('change', () => choose(select.value));
byId('help', HTMLButtonElement).addEventListener('click', openHelp);
byId('again', HTMLButtonElement).addEventListener('click', () => void session.refresh().then(() => session.data?.show(session.view)));
document.addEventListener('keydown', (event) => {
  const action = view.hidden || !isForTimeline(event, view) ? null : actionOf(event);
  if (!action) return;
  event.preventDefault();
  act(action);
});

const tick = () => {
  deck.tick();
  requestAnimationFrame(tick);
};
tick();
await session.start();

// meeting.html?room=name#token=…: a conference. This file puts the parts together; a meeting itself is meeting/call.js.

import { Bar } from './meeting/bar.js';
import { Call } from './meeting/call.js';
import { ChatPanel } from './meeting/chat-panel.js';
import { EntryForm } from './meeting/entry.js';
import { layerText, Statistics } from './meeting/report.js';
import { openSettings } from './meeting/settings.js';
import { Sounds } from './meeting/sounds.js';
import { Stage } from './meeting/stage.js';
import { mayPublish } from './meeting/token.js';
import { count } from './format.js';
import { announce, byId, setText } from './ui/dom.js';
import { startPage } from './ui/page.js';

/** Statistics are renewed once a second: quicker nobody can read them. */
const LOOK_MS = 1_000;
/** A problem that somebody has read goes away by itself. */
const PROBLEM_MS = 12_000;

const room = byId('room', HTMLElement);
const entryPlace = byId('entry', HTMLElement);
const title = byId('room-title', HTMLElement);
const state = byId('state', HTMLElement);
const problem = byId('problem', HTMLElement);
const unlock = byId('unlock-sound', HTMLButtonElement);

const call = new Call();
const statistics = new Statistics(call);
const stage = new Stage(byId('stage', HTMLElement), byId('tiles', HTMLElement), tellWhatIsSeen);
const sounds = new Sounds(byId('sounds', HTMLElement), (blocked) => (unlock.hidden = !blocked));
const chat = new ChatPanel((text) => call.say(text), drawBar);
const entry = new EntryForm((given) => {
  chat.clear();
  call.join({ ...given, codec: 'vp8' });
});
const bar = new Bar(byId('bar', HTMLElement), [
  { id: 'microphone', key: 'm', icons: ['microphone-off', 'microphone'], labels: ['Unmute', 'Mute'], act: () => void call.set('microphone', !call.on.microphone) },
  { id: 'camera', key: 'v', icons: ['camera-off', 'camera'], labels: ['Switch the camera on', 'Switch the camera off'], act: () => void call.set('camera', !call.on.camera) },
  { id: 'screen', key: 's', icons: ['screen', 'screen'], labels: ['Share the screen', 'Stop sharing the screen'], act: () => void call.set('screen', !call.on.screen) },
  { id: 'view', key: 'g', icons: ['speaker', 'grid'], labels: ['Speaker view', 'Grid view'], act: () => setView(stage.view === 'grid' ? 'speaker' : 'grid') },
  { id: 'chat', key: 'c', icons: ['chat', 'chat'], labels: ['Open the chat', 'Close the chat'], act: () => chat.toggle() },
  { id: 'stats', key: 'i', icons: ['stats', 'stats'], labels: ['Show statistics', 'Hide statistics'], act: () => setStats(!statsShown) },
  { id: 'settings', key: 'd', icons: ['settings', 'settings'], labels: ['Devices and connection', 'Devices and connection'], act: () => void openSettings(call, sounds) },
  { id: 'leave', key: 'l', icons: ['leave', 'leave'], labels: ['Leave the meeting', 'Leave the meeting'], act: leave },
]);
let statsShown = false;
let shownPhase = call.phase;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let problemTimer;

startPage();
document.getElementById('stage')?.addEventListener('pinned', () => setView('speaker'));
unlock.addEventListener('click', () => sounds.unlock());
call.addEventListener('change', draw);
call.addEventListener('line', (event) => chat.add(detail(event)));
call.addEventListener('say', (event) => announce(detail(event)));
call.addEventListener('problem', (event) => showProblem(detail(event)));
call.addEventListener('end', (event) => entry.showEnd(detail(event)));
// Into another network: the old path is gone, and nobody waits until that is noticed.
addEventListener('online', () => {
  call.retryNow();
  call.restartIce();
});
addEventListener('pagehide', () => call.leave());
setInterval(tick, LOOK_MS);

/** @param {Event} event */
function detail(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

function draw() {
  const { phase, session } = call;
  if (phase !== shownPhase) changePhase();
  entry.setBusy(phase === 'joining' && room.hidden === true);
  if (phase === 'joined' && session) {
    stage.show(call.tiles(), session.roster.speaker);
    sounds.show(session.roster.media.values());
    call.receiving?.keep(new Set(session.roster.media.keys()));
    chat.setMay(!session.hasData ? 'This server has no chat' : session.grants.data === true ? null : 'Your token does not allow messages');
    const others = session.roster.peers.size;
    setText(title, `Meeting ${call.room}: ${others ? `you and ${count(others, 'other')}` : 'you are alone here'}`);
    tellWhatIsSeen();
  }
  drawState();
  drawBar();
  window.__meeting = statistics.report();
}

function changePhase() {
  const { phase } = call;
  const before = shownPhase;
  shownPhase = phase;
  document.body.dataset.phase = phase;
  const inside = phase === 'joined' || phase === 'waiting' || (phase === 'joining' && before !== 'idle');
  const entered = inside && room.hidden;
  room.hidden = !inside;
  entryPlace.hidden = inside;
  document.title = inside ? `${call.room} · Aqueduct` : 'Meeting · Aqueduct';
  // Not a field of the form that is gone, and not a button either: the letters are keys from now on.
  if (entered) room.focus();
  if (phase === 'joined') announce(before === 'joining' && call.comebacks > 0 ? 'You are back in the meeting.' : 'You are in the meeting.');
  if (inside) return;
  stage.show([], null);
  sounds.show([]);
  hideProblem();
  if (chat.open) chat.toggle();
}

/** What is going on while the meeting does not. */
function drawState() {
  const { waiting, phase } = call;
  const seconds = waiting ? Math.max(0, Math.ceil((waiting.untilMs - Date.now()) / 1000)) : 0;
  const lost = call.session?.connectionStates.some((one) => one === 'failed' || one === 'disconnected') ?? false;
  let text = '';
  if (waiting) text = `${waiting.text} (in ${seconds} s)`;
  else if (phase === 'joining' && !room.hidden) text = 'Coming back…';
  else if (lost) text = 'The path to the server was lost. Looking for another one…';
  else if (phase === 'joined' && call.session?.roster.peers.size === 0) text = 'Nobody else is here yet.';
  setText(state, text);
  state.hidden = text === '';
}

function drawBar() {
  const { on, session } = call;
  const publish = session?.grants.publish ?? false;
  const may = (/** @type {'audio' | 'video'} */ kind, /** @type {string} */ source) => !!navigator.mediaDevices && mayPublish(publish, kind, source);
  bar.set('microphone', on.microphone, { disabled: !may('audio', 'microphone') });
  bar.set('camera', on.camera, { disabled: !may('video', 'camera') });
  bar.set('screen', on.screen, { disabled: !may('video', 'screen') || !navigator.mediaDevices?.getDisplayMedia });
  bar.set('view', stage.view === 'speaker');
  bar.set('chat', chat.open, { badge: chat.unread ? String(Math.min(chat.unread, 99)) : '' });
  bar.set('stats', statsShown);
}

/** Tells the server which pictures are seen, and how large. */
function tellWhatIsSeen() {
  for (const { key, picture } of stage.tiles) if (picture?.track) call.receiving?.show(picture, stage.seen(key));
}

async function tick() {
  drawState();
  if (call.phase === 'joined' && statsShown && !document.hidden) await statistics.look();
  for (const tile of stage.tiles) {
    const stats = statsShown ? statistics.of(tile.key) : null;
    stage.views.get(tile.key)?.showStats(stats, { layer: stats ? layerText(tile, stats) : '' });
  }
  window.__meeting = statistics.report();
}

/** @param {import('./meeting/stage.js').View} view */
function setView(view) {
  stage.setView(view);
  announce(view === 'grid' ? 'Grid view' : 'Speaker view');
  drawBar();
}

/** @param {boolean} shown */
function setStats(shown) {
  statsShown = shown;
  drawBar();
  void tick();
}

function leave() {
  call.leave();
  announce('You left the meeting.');
  entry.showEnd(null);
}

/** @param {string} text */
function showProblem(text) {
  clearTimeout(problemTimer);
  setText(problem, text);
  problem.hidden = false;
  problemTimer = setTimeout(hideProblem, PROBLEM_MS);
}

function hideProblem() {
  clearTimeout(problemTimer);
  problem.hidden = true;
  setText(problem, '');
}

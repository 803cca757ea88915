import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dbfs, meterShare } from '../site/talk/level.js';
import { deedAfter, talkAfter, talkAtStart } from '../site/talk/state.js';
import { microphoneErrorText, talkProblem, talkText, whoTalks } from '../site/talk/words.js';

const EVENTS = {
  press: { type: 'press' },
  release: { type: 'release' },
  latch: { type: 'latch', on: true },
  unlatch: { type: 'latch', on: false },
  microphone: { type: 'microphone' },
  'no-microphone': { type: 'no-microphone', why: 'none' },
  open: { type: 'open' },
  waiting: { type: 'waiting', ahead: 2 },
  closed: { type: 'closed' },
  refused: { type: 'refused', why: 'busy' },
  free: { type: 'free' },
};

/**
 * What each state makes of each event: the next phase, what is to be done, and `off` where the button or the latch that
 * held it lets go although it sends on; events that change nothing are left out.
 */
const TABLE = {
  idle: { press: 'asking ask', latch: 'asking ask' },
  asking: { release: 'idle', unlatch: 'idle', microphone: 'opening send', 'no-microphone': 'no-microphone' },
  'asking latched': { unlatch: 'idle', press: 'asking off', microphone: 'opening send', 'no-microphone': 'no-microphone' },
  opening: { release: 'idle stop', unlatch: 'idle stop', open: 'talking', waiting: 'waiting', refused: 'refused stop' },
  'opening latched': { unlatch: 'idle stop', press: 'opening off', open: 'talking', waiting: 'waiting', refused: 'refused stop' },
  waiting: { release: 'idle stop', unlatch: 'idle stop', open: 'talking', closed: 'opening', refused: 'refused stop' },
  'waiting latched': { unlatch: 'idle stop', press: 'waiting off', open: 'talking', closed: 'opening', refused: 'refused stop' },
  talking: { release: 'idle stop', unlatch: 'idle stop', waiting: 'waiting', closed: 'opening', refused: 'refused stop' },
  'talking latched': { unlatch: 'idle stop', press: 'talking off', waiting: 'waiting', closed: 'opening', refused: 'refused stop' },
  refused: { press: 'asking ask', latch: 'asking ask', free: 'idle' },
  'no-microphone': { press: 'asking ask', latch: 'asking ask' },
  insecure: {},
};

test('every event in every state', () => {
  for (const [name, wanted] of Object.entries(TABLE)) {
    const [phase, how] = name.split(' ');
    const latched = how === 'latched';
    const held = !latched && ['asking', 'opening', 'waiting', 'talking'].includes(phase);
    for (const [what, event] of Object.entries(EVENTS)) {
      const before = { phase, held, latched, ahead: 0, why: '' };
      const after = talkAfter(before, event);
      const deed = deedAfter(before, after);
      const off = after.phase === phase && latched && !after.latched ? 'off' : '';
      const changed = after.phase !== phase || deed || off ? [after.phase, deed, off].filter(Boolean).join(' ') : undefined;
      assert.equal(changed, wanted[what], `${name} + ${what}`);
      assert.ok(!(after.held && after.latched), `${name} + ${what}: it is held or latched, never both`);
    }
  }
});

/** @param {...string} names */
const after = (...names) => names.reduce((state, name) => talkAfter(state, EVENTS[name]), talkAtStart(null));

test('what is latched outlasts the finger, and the next press lets it go', () => {
  const latched = after('latch', 'microphone', 'open', 'release');
  assert.deepEqual([latched.phase, latched.latched], ['talking', true]);
  const pressed = talkAfter(latched, EVENTS.press);
  assert.deepEqual([pressed.phase, pressed.latched], ['talking', false]);
  assert.equal(talkAfter(pressed, EVENTS.release).phase, 'idle');
});

test('whoever lets go while the browser asks for the microphone is not heard', () => {
  assert.equal(after('press', 'release', 'microphone', 'open').phase, 'idle');
});

test('a refusal ends the press that led to it', () => {
  const refused = after('press', 'microphone', 'refused');
  assert.deepEqual([refused.phase, refused.held, refused.why], ['refused', false, 'busy']);
  assert.equal(talkAfter(refused, EVENTS.release).phase, 'refused', 'the reason stays to be read');
});

test('a page that is not safe says what would help, and never asks for a microphone', () => {
  const why = talkProblem({ isSecureContext: false, hasDevices: false, host: 'nas:1984' });
  assert.match(why ?? '', /api\.tls_listen/);
  assert.match(why ?? '', /localhost/);
  const state = talkAtStart(why);
  assert.equal(talkAfter(state, EVENTS.press), state);
  assert.equal(talkText(state, null), why);
  assert.equal(talkProblem({ isSecureContext: true, hasDevices: true, host: 'localhost:1984' }), null);
});

const NOW = Date.parse('2026-01-02T00:00:00Z');

test('who talks is named without the port, and since when', () => {
  const publisher = { protocol: 'webrtc', remote_addr: '[2001:db8::7]:50123', since: '2026-01-01T23:59:48Z' };
  assert.equal(whoTalks({ publisher }, NOW), 'webrtc from [2001:db8::7], for 12s');
  assert.equal(whoTalks({ publisher: null }, NOW), null);
  assert.equal(whoTalks(null, NOW), null);
});

test('the line beside the button tells of others before it is pressed, and why not after', () => {
  assert.equal(talkText(talkAtStart(null), null), '');
  assert.equal(talkText(talkAtStart(null), 'webrtc from h'), 'Somebody talks: webrtc from h');
  const refused = after('press', 'microphone', 'refused');
  assert.equal(talkText(refused, null), 'Not now: busy');
  assert.equal(talkText(refused, 'rtsp from h'), 'Not now, somebody talks: rtsp from h');
});

test('whoever talks reads whether the device says it, and whoever waits how many come first', () => {
  const talking = after('press', 'microphone', 'open');
  const device = (/** @type {string} */ state, error = null) => /** @type {any} */ ({ state, error });
  assert.equal(talkText(talking, null), 'Talking');
  assert.equal(talkText(talking, null, device('live')), 'Talking');
  assert.equal(talkText(talking, null, device('connecting')), 'Talking, calling the device…');
  assert.equal(talkText(talking, null, device('backoff', 'it is busy')), 'Talking, but the device does not take it: it is busy');
  assert.equal(talkText(after('press', 'microphone', 'waiting'), null), 'Waiting: 2 talk before you');
  assert.equal(talkText(talkAfter(talking, { type: 'waiting', ahead: 1 }), null), 'Waiting: one talks before you');
});

test('a browser that gives no microphone is quoted in words that help', () => {
  const error = (/** @type {string} */ name) => Object.assign(new Error('as the browser says'), { name });
  assert.match(microphoneErrorText(error('NotAllowedError')), /address bar/);
  assert.match(microphoneErrorText(error('NotFoundError')), /no microphone/);
  assert.equal(microphoneErrorText(error('TypeError')), 'as the browser says');
});

test('levels are those of an engineer', () => {
  const sine = Float32Array.from({ length: 4800 }, (_, at) => 0.5 * Math.sin((2 * Math.PI * 1000 * at) / 48_000));
  assert.ok(Math.abs(dbfs(sine) - -9.03) < 0.01);
  assert.equal(dbfs(new Float32Array(100)), -Infinity);
  assert.equal(dbfs(new Float32Array(0)), -Infinity);
  assert.deepEqual([meterShare(-Infinity), meterShare(-60), meterShare(-30), meterShare(3)], [0, 0, 0.5, 1]);
});

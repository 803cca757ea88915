// The talk button over a player: hold to talk, or latch. Shows who talks, how loud, and why not. Owns the microphone, and
// the line that its sound takes. There only where the stream can be talked to.

import { meterShare } from './level.js';
import { talkStream, WhipLine } from './line.js';
import { Microphone } from './microphone.js';
import { deedAfter, isSending, talkAfter, talkAtStart } from './state.js';
import { microphoneErrorText, talkProblem, talkText, whoTalks } from './words.js';
import { getStream, listStreams, ServerError } from '../control/client.js';
import { el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('../player.js').StreamPlayer} StreamPlayer
 * @typedef {import('../control/types.js').Stream} Stream
 * @typedef {import('./line.js').TalkLine} TalkLine
 * @typedef {import('./state.js').TalkEvent} TalkEvent
 */

/** Who talks is asked for every 2 s. */
const LOOK_MS = 2_000;
/** How the device takes it, while we talk: every 500 ms. */
const LOOK_TALKING_MS = 500;
/** What the server says of our own talk is old news for 400 ms after it ended. */
const SETTLE_MS = 400;

export class TalkButton {
  #hold = el('button', { type: 'button', class: 'talk-hold' }, icon('microphone'));
  #latch = el('button', { type: 'button', class: 'talk-latch', 'aria-pressed': 'false' }, icon('lock'));
  #text = el('span', { class: 'talk-text', role: 'status' });
  #deviceMeter = el('span', { class: 'talk-device', title: 'Level at the device', hidden: true });
  #group;
  #state;
  #microphone = new Microphone(() => this.#happen({ type: 'refused', why: 'the microphone stopped' }));
  /** @type {string | null} */
  #src = null;
  /** What the session that plays offers. @type {TalkLine | null} */
  #line = null;
  /** What the sound takes now. @type {TalkLine | null} */
  #taken = null;
  /** Counts what was sent, so that a line that was left says nothing any more. */
  #turn = 0;
  /** @type {string | null} */
  #other = null;
  /** Where the sound goes. @type {import('../control/types.js').Output | undefined} */
  #device;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lookTimer;
  #asked = false;

  /** @param {StreamPlayer} player */
  constructor(player) {
    const place = { isSecureContext, hasDevices: !!navigator.mediaDevices, host: location.host };
    this.#state = talkAtStart(talkProblem(place));
    this.#group = el('div', { class: 'player-talk', role: 'group', 'aria-label': 'Talk', hidden: true }, this.#text, this.#hold, this.#latch);
    this.#hold.append(this.#deviceMeter);
    player.append(this.#group);
    this.#listen(player);
    this.#show();
  }

  /** Which stream is played; null when none is. @param {string | null} src */
  watch(src) {
    if (src === this.#src) return;
    this.#happen({ type: 'release' });
    this.#happen({ type: 'latch', on: false });
    this.#happen({ type: 'free' });
    this.#microphone.close();
    this.#src = src;
    this.#other = null;
    this.#device = undefined;
    this.#group.hidden = true;
    this.look();
  }

  /** The way that the session which plays offers, if it does. @param {TalkLine | null} line */
  setLine(line) {
    if (this.#taken !== null && this.#taken === this.#line) this.#happen({ type: 'refused', why: 'the connection was lost' });
    this.#line = line;
  }

  /** Asks the server whether the stream can be talked to, and who does. */
  look() {
    clearTimeout(this.#lookTimer);
    const src = this.#src;
    if (src === null) return;
    this.#talkStream(src).then(
      (stream) => this.#src === src && this.#see(stream),
      (error) => {
        if (this.#src !== src) return;
        if (error instanceof ServerError) this.#group.hidden = true;
        else this.#lookIn(LOOK_MS);
      },
    );
  }

  /**
   * The talk stream, or null. Looked for in the list as long as it is not known: to ask for a stream that is not there is
   * an error in the browser's log.
   * @param {string} src
   * @returns {Promise<Stream | null>}
   */
  async #talkStream(src) {
    const name = talkStream(src);
    if (!this.#group.hidden) return getStream(name);
    return (await listStreams()).find((stream) => stream.name === name) ?? null;
  }

  /** @param {number} ms */
  #lookIn(ms) {
    clearTimeout(this.#lookTimer);
    this.#lookTimer = setTimeout(() => (document.hidden ? this.#lookIn(LOOK_MS) : this.look()), ms);
  }

  /** @param {Stream | null} stream the talk stream */
  #see(stream) {
    this.#group.hidden = stream === null;
    if (stream === null) return;
    const sends = isSending(this.#state.phase);
    this.#device = stream.outputs?.[0];
    this.#lookIn(sends && this.#device ? LOOK_TALKING_MS : LOOK_MS);
    if (sends) {
      this.#show();
      return;
    }
    const before = this.#other;
    this.#other = whoTalks(stream, Date.now());
    // What was refused since somebody else talked may be tried again.
    if (before !== null && this.#other === null && this.#state.phase === 'refused') this.#happen({ type: 'free' });
    this.#show();
  }

  /** @param {TalkEvent} event */
  #happen(event) {
    const before = this.#state;
    this.#state = talkAfter(before, event);
    const deed = deedAfter(before, this.#state);
    if (deed === 'ask') void this.#ask();
    else if (deed === 'send') void this.#send();
    else if (deed === 'stop') this.#stop();
    this.#show();
  }

  async #ask() {
    try {
      await this.#microphone.open();
      this.#happen({ type: 'microphone' });
      if (!isSending(this.#state.phase)) this.#microphone.rest();
    } catch (error) {
      this.#happen({ type: 'no-microphone', why: microphoneErrorText(error) });
    }
  }

  async #send() {
    const turn = (this.#turn += 1);
    const track = await this.#microphone.open();
    if (turn !== this.#turn || this.#src === null) return;
    const say = (/** @type {TalkEvent} */ event) => turn === this.#turn && this.#happen(event);
    this.#taken = this.#line ?? new WhipLine(this.#src);
    this.#taken.send(track, {
      onOpen: () => {
        this.#other = null;
        say({ type: 'open' });
      },
      onWaiting: (ahead) => say({ type: 'waiting', ahead }),
      onClosed: () => say({ type: 'closed' }),
      onRefused: (why) => say({ type: 'refused', why }),
    });
    this.#meter();
    this.#lookIn(SETTLE_MS);
  }

  #stop() {
    this.#turn += 1;
    this.#taken?.stop();
    this.#taken = null;
    this.#microphone.rest();
    if (this.#state.phase === 'refused') this.look();
    else this.#lookIn(SETTLE_MS);
  }

  #meter() {
    const share = isSending(this.#state.phase) ? meterShare(this.#microphone.level()) : 0;
    this.#hold.style.setProperty('--level', share.toFixed(2));
    if (isSending(this.#state.phase)) requestAnimationFrame(() => this.#meter());
  }

  #show() {
    const { phase, latched } = this.#state;
    const isOn = phase === 'asking' || isSending(phase);
    this.#group.dataset.phase = phase;
    const label = latched ? 'Stop talking (t)' : 'Hold to talk (t)';
    this.#hold.setAttribute('aria-label', label);
    this.#hold.title = label;
    this.#hold.setAttribute('aria-pressed', String(isOn));
    this.#hold.setAttribute('aria-disabled', String(phase === 'insecure'));
    const latchLabel = latched ? 'Stop talking' : 'Keep talking without holding';
    this.#latch.setAttribute('aria-label', latchLabel);
    this.#latch.title = latchLabel;
    this.#latch.setAttribute('aria-pressed', String(latched));
    this.#latch.hidden = phase === 'insecure';
    // That this page cannot talk is said to whoever tries.
    setText(this.#text, phase === 'insecure' && !this.#asked ? '' : talkText(this.#state, this.#other, this.#device));
    const level = isSending(phase) ? this.#device?.level_dbfs : null;
    this.#deviceMeter.hidden = level == null;
    this.#deviceMeter.style.setProperty('--level', meterShare(level ?? -Infinity).toFixed(2));
  }

  #press() {
    this.#asked = true;
    this.#happen({ type: 'press' });
  }

  /** @param {StreamPlayer} player */
  #listen(player) {
    const hold = this.#hold;
    const release = () => this.#happen({ type: 'release' });
    const releaseHeld = () => this.#state.held && release();
    hold.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      hold.setPointerCapture(event.pointerId);
      this.#press();
    });
    for (const kind of ['pointerup', 'pointercancel', 'lostpointercapture']) hold.addEventListener(kind, releaseHeld);
    // A long press on a phone asks for a menu.
    hold.addEventListener('contextmenu', (event) => event.preventDefault());
    hold.addEventListener('dblclick', () => this.#toggleLatch());
    // A screen reader's click has no pointer to hold: it switches on and off.
    hold.addEventListener('click', (event) => event.detail === 0 && this.#toggleLatch());
    this.#latch.addEventListener('click', () => this.#toggleLatch());
    player.addEventListener('keydown', (event) => {
      if (!this.#isTalkKey(event)) return;
      // Space would click when it is let go, Enter at once.
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    player.addEventListener('keyup', (event) => {
      if (!this.#isTalkKey(event)) return;
      event.preventDefault();
      releaseHeld();
    });
    // Then nobody tells that the finger was lifted.
    addEventListener('blur', releaseHeld);
    document.addEventListener('visibilitychange', () => document.hidden && releaseHeld());
  }

  /** `t` anywhere in the player, Space and Enter on the button. @param {KeyboardEvent} event */
  #isTalkKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#group.hidden) return false;
    if (event.target === this.#hold && (event.key === ' ' || event.key === 'Enter')) return true;
    return event.key === 't' && !(event.target instanceof HTMLSelectElement);
  }

  #toggleLatch() {
    this.#asked = true;
    this.#happen({ type: 'latch', on: !this.#state.latched });
  }
}

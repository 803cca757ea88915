// A meeting as a person has it: joined once, and kept through lost connections until it is left. Owns the devices and the
// session of the moment; the page draws what it says.

import { backoffDelay } from '../backoff.js';
import { apiUrl } from '../control/client.js';
import { ChatLog, decodeChat, encodeChat } from './chat.js';
import { OwnMedia } from './own-media.js';
import { Lost, Refused } from './protoo.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';
import { Session } from './session.js';
import { mayPublish } from './token.js';
import { actionText, captureText, closeEnding, refusalEnding } from './words.js';

/**
 * @typedef {import('./own-media.js').What} What
 * @typedef {import('./roster.js').Tile} Tile
 * @typedef {import('./words.js').Ending} Ending
 *
 * `idle` → `joining` → `joined` → `waiting` when the connection is lost → `joining` at the next try; `idle` again when it
 * was left, or when it ended for good.
 * @typedef {'idle' | 'joining' | 'joined' | 'waiting'} Phase
 *
 * @typedef {object} Entry
 * @property {string} room
 * @property {string} token
 * @property {string} displayName
 * @property {import('./encodings.js').Codec} codec
 * @property {{ camera: boolean, microphone: boolean }} on
 */

/** Names of what a person switches. @type {What[]} */
const DEVICES = ['microphone', 'camera', 'screen'];

/**
 * Fires `change` when something is to be drawn, `line` with a line of the chat, `say` with a sentence for everybody, `problem`
 * with one that somebody has to act on, and `end` with an {@link Ending} when there is no meeting any more.
 */
export class Call extends EventTarget {
  /** @type {Phase} */
  phase = 'idle';
  /** Why it waits, and until when. @type {{ text: string, untilMs: number } | null} */
  waiting = null;
  chat = new ChatLog();
  own = new OwnMedia((what) => void this.set(what, false));
  /** What is switched on. @type {Record<What, boolean>} */
  on = { microphone: false, camera: false, screen: false };
  /** How often it came back. */
  comebacks = 0;
  /** @type {Entry | null} */
  #entry = null;
  /** @type {Session | null} */
  #session = null;
  /** @type {Sending | null} */
  #sending = null;
  /** @type {Receiving | null} */
  receiving = null;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** Switching is done one after the other. @type {Promise<void>} */
  #queue = Promise.resolve();

  get session() {
    return this.#session;
  }

  get room() {
    return this.#entry?.room ?? '';
  }

  get displayName() {
    return this.#entry?.displayName ?? '';
  }

  get codec() {
    return this.#entry?.codec ?? 'vp8';
  }

  /** @param {import('./roster.js').Source} source */
  producer(source) {
    return this.#sending?.producer(source) ?? null;
  }

  /** @param {Entry} entry */
  join(entry) {
    this.#entry = entry;
    this.#failures = 0;
    this.comebacks = 0;
    this.on = { microphone: entry.on.microphone, camera: entry.on.camera, screen: false };
    this.chat = new ChatLog();
    void this.#connect();
  }

  /** Leaves, whatever is going on. */
  leave() {
    this.#stop();
    this.own.closeAll();
    this.#entry = null;
    this.#setPhase('idle');
  }

  /** Does not wait for the next try any longer. */
  retryNow() {
    if (this.phase !== 'waiting') return;
    clearTimeout(this.#retry);
    void this.#connect();
  }

  /**
   * Switches microphone, camera or screen.
   * @param {What} what
   * @param {boolean} on
   */
  set(what, on) {
    return this.#inTurn(async () => {
      if (this.on[what] === on && (!on || this.own.track(what))) return;
      this.on[what] = on;
      await this.#send(what);
    });
  }

  /**
   * Chooses another device; in use, it is changed at once.
   * @param {'camera' | 'microphone'} what
   * @param {string} id "" for the usual one
   */
  choose(what, id) {
    return this.#inTurn(async () => {
      if (this.own.chosen[what] === id) return;
      this.own.chosen[what] = id;
      if (!this.own.track(what)) return;
      this.own.close(what);
      try {
        const track = await this.own.open(what);
        await this.#sending?.replace(what, track);
      } catch (error) {
        await this.#failed(what, error);
      }
      this.#changed();
    });
  }

  /** @param {import('./encodings.js').Codec} codec */
  setCodec(codec) {
    return this.#inTurn(async () => {
      if (!this.#entry || this.#entry.codec === codec) return;
      this.#entry.codec = codec;
      const track = this.own.track('camera');
      if (track && this.on.camera) await this.#sending?.start('camera', track, codec);
      this.#changed();
    });
  }

  /** @param {string} text */
  async say(text) {
    const session = this.#session;
    if (!session || this.phase !== 'joined') throw new Lost('There is no connection now; the message was not sent.');
    await session.sendChat(encodeChat(text));
    this.#line(session.id, this.displayName, true, text.trim());
  }

  /** Looks for a new path to the server, as when the device came into another network. */
  restartIce() {
    this.#session?.restartIce();
  }

  /** All tiles, the own one included. @returns {Tile[]} */
  tiles() {
    const session = this.#session;
    if (!session || this.phase !== 'joined') return [];
    const base = { peerId: session.id, own: true, picture: null, pictureOff: false };
    const sound = this.#sending?.producer('microphone');
    const muted = !sound || sound.paused;
    /** @type {Tile[]} */
    const own = [{ ...base, key: 'own', name: this.displayName, source: 'camera', track: this.on.camera ? this.own.track('camera') : null, muted }];
    const screen = this.own.track('screen');
    if (screen) own.push({ ...base, key: 'own/screen', name: this.displayName, source: 'screen', track: screen, muted: true });
    return [...session.roster.tiles(), ...own];
  }

  async #connect() {
    const entry = this.#entry;
    if (!entry) return;
    this.#setPhase('joining');
    this.waiting = null;
    /** @type {Session} */
    const session = new Session(entry.room, {
      onChange: () => this.#changed(),
      onNotification: (method, data) => this.#handleNotification(session, method, data),
      onChat: (peerId, data) => this.#line(peerId, session.roster.nameOf(peerId), false, decodeChat(data)),
      onClose: (code, reason) => this.#session === session && void this.#ended(code, reason),
    });
    this.#session = session;
    try {
      await session.open({ token: entry.token, displayName: entry.displayName });
    } catch (error) {
      if (this.#session !== session) return;
      // Told by `onClose` if the connection has gone; then this is no news.
      if (error instanceof Refused) this.#finish(refusalEnding(error.code, error.message));
      else if (error instanceof Lost) await this.#ended(1006, '');
      else this.#finish({ text: `This browser cannot join: ${error instanceof Error ? error.message : String(error)}. Try a current Chrome, Edge, Firefox or Safari.`, again: false, askToken: false });
      return;
    }
    if (this.#session !== session) return;
    if (this.#failures > 0) this.comebacks += 1;
    this.#failures = 0;
    this.#sending = new Sending(session);
    this.receiving = new Receiving((method, data) => session.request(method, data));
    // What the token does not allow is not asked of the person either.
    for (const what of DEVICES) if (!mayPublish(session.grants.publish, what === 'microphone' ? 'audio' : 'video', what)) this.on[what] = false;
    this.#setPhase('joined');
    await this.#inTurn(async () => {
      for (const what of DEVICES) if (this.on[what]) await this.#send(what);
    });
  }

  /**
   * Makes what is sent of one device agree with what is switched on.
   * @param {What} what
   */
  async #send(what) {
    const sending = this.#sending;
    try {
      if (!this.on[what]) {
        // A muted microphone stays open: it is back at once. A camera's lamp goes out.
        if (what === 'microphone') await sending?.setPaused(what, true);
        else {
          this.own.close(what);
          await sending?.stop(what);
          if (what === 'screen') await sending?.stop('screenAudio');
        }
      } else {
        const track = await this.own.open(what);
        const producer = sending?.producer(what);
        if (producer) await sending?.setPaused(what, false);
        else await sending?.start(what, track, this.codec);
        const sound = what === 'screen' ? this.own.track('screenAudio') : null;
        if (sound) await sending?.start('screenAudio', sound, this.codec);
      }
    } catch (error) {
      await this.#failed(what, error);
    }
    this.#changed();
  }

  /**
   * @param {What} what
   * @param {unknown} error
   */
  async #failed(what, error) {
    // The connection was lost: it is sent when there is another one.
    if (error instanceof Lost) return;
    this.on[what] = false;
    this.own.close(what);
    await this.#sending?.stop(what).catch(() => {});
    this.#fire('problem', error instanceof Refused ? actionText(error.code, error.message) : captureText(what, error));
  }

  /**
   * @param {Session} session
   * @param {string} method
   * @param {any} data
   */
  #handleNotification(session, method, data) {
    if (this.#session !== session) return;
    if (method === 'newPeer') this.#fire('say', `${data.displayName || data.id} joined.`);
    if (method === 'peerClosed') this.#fire('say', `${session.roster.nameOf(data.peerId)} left.`);
    if (method === 'producerClosed') {
      const source = this.#sending?.drop(data.producerId);
      if (source && source !== 'screenAudio') {
        this.on[source] = false;
        this.own.close(source);
        this.#fire('problem', `The server ended your ${source}: ${data.reason || 'no reason was given'}. You can switch it on again.`);
        this.#changed();
      }
    }
    if (method === 'producerPaused' || method === 'producerResumed') {
      const source = this.#sending?.sourceOf(data.producerId);
      const paused = method === 'producerPaused';
      if (!source || source === 'screenAudio') return;
      const producer = this.#sending?.producer(source);
      if (paused) producer?.pause();
      else producer?.resume();
      if (source === 'microphone') this.on.microphone = !paused;
      this.#fire('problem', paused ? `Your ${source} was muted by the host. You can switch it on again.` : `Your ${source} is on again.`);
      this.#changed();
    }
  }

  /**
   * @param {string} peerId
   * @param {string} name
   * @param {boolean} own
   * @param {string} text
   */
  #line(peerId, name, own, text) {
    if (text) this.#fire('line', this.chat.add({ peerId, name, own, text, atMs: Date.now() }));
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  async #ended(code, reason) {
    const session = this.#session;
    const before = this.phase;
    this.#stop();
    const entry = this.#entry;
    // A browser does not say why a WebSocket was not opened; the same address by plain HTTP does.
    const asked = before === 'joining' && code === 1006 && entry && session?.id === '' ? await whyNot(entry.room) : null;
    if (this.#entry !== entry || !entry) return;
    this.#finish(asked ?? closeEnding(code, reason));
  }

  /** @param {Ending} ending */
  #finish(ending) {
    this.#stop();
    if (!ending.again) {
      this.own.closeAll();
      this.#entry = null;
      this.#setPhase('idle');
      this.dispatchEvent(new CustomEvent('end', { detail: ending }));
      return;
    }
    this.#failures += 1;
    const delay = backoffDelay(this.#failures, Math.random());
    this.waiting = { text: ending.text, untilMs: Date.now() + delay };
    this.#retry = setTimeout(() => void this.#connect(), delay);
    this.#setPhase('waiting');
  }

  /** Ends the session, but not the meeting. */
  #stop() {
    clearTimeout(this.#retry);
    const session = this.#session;
    this.#session = null;
    this.#sending = null;
    this.receiving?.close();
    this.receiving = null;
    session?.close();
  }

  /** @param {() => Promise<void>} act */
  #inTurn(act) {
    this.#queue = this.#queue.then(act, act);
    return this.#queue;
  }

  /** @param {Phase} phase */
  #setPhase(phase) {
    this.phase = phase;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {'say' | 'problem' | 'line'} name
   * @param {unknown} detail
   */
  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * Asks by plain HTTP why there was no WebSocket; null if that tells nothing.
 * @param {string} room
 * @returns {Promise<Ending | null>}
 */
async function whyNot(room) {
  try {
    const response = await fetch(apiUrl('rooms/ws', { room }), { cache: 'no-store', signal: AbortSignal.timeout(5_000) });
    if (response.ok || response.status === 400 || response.status === 426) return null;
    return refusalEnding(response.status, (await response.text()).trim().slice(0, 300));
  } catch {
    return null;
  }
}

// The picture: two videos and a still on top of each other, what the time in it is, and what hinders it.

import { clockText, dateText } from './times.js';
import { el, setText } from '../ui/dom.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./deck.js').Deck} Deck
 * @typedef {import('./thumbs.js').Thumbs} Thumbs
 */

/** A still of what is not played follows the playhead, but not each press of a key that is held. */
const STILL_MS = 120;

export class Stage {
  #session;
  #deck;
  #thumbs;
  still = el('canvas', { class: 'stage-still', 'aria-hidden': 'true' });
  #clock = el('span', { class: 'stage-clock' });
  #date = el('span', { class: 'stage-date' });
  #speed = el('span', { class: 'stage-speed', hidden: true });
  #message = el('p', { class: 'stage-message', role: 'status' });
  #spinner = el('span', { class: 'player-spinner' });
  #cover;
  /** The playhead is being dragged: the still shows where. */
  #scrubbing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #stillTimer;

  /**
   * @param {Session} session
   * @param {Deck} deck
   * @param {Thumbs} thumbs
   */
  constructor(session, deck, thumbs) {
    this.#session = session;
    this.#deck = deck;
    this.#thumbs = thumbs;
    this.#cover = el('div', { class: 'stage-cover' }, this.#spinner, this.#message);
    const label = el('div', { class: 'stage-label' }, this.#date, this.#clock, this.#speed);
    this.element = el('div', { class: 'stage' }, ...deck.videos, this.still, this.#cover, label);
    this.element.addEventListener('click', () => deck.toggle());
    this.element.addEventListener('dblclick', () => this.toggleFullscreen());
    deck.addEventListener('change', () => this.#show());
    session.addEventListener('time', () => (deck.phase === 'playing' ? this.#showTime() : this.#show()));
    session.addEventListener('data', () => this.#show());
    session.addEventListener('stream', () => this.#clear());
    this.#show();
  }

  /** @param {boolean} scrubbing */
  set scrubbing(scrubbing) {
    this.#scrubbing = scrubbing;
    this.#show();
  }

  /** The picture and, where the page puts them below it, its buttons. */
  toggleFullscreen() {
    const whole = this.element.parentElement ?? this.element;
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (whole.requestFullscreen) whole.requestFullscreen().catch(() => {});
    else this.#deck.video?.webkitEnterFullscreen?.();
  }

  #clear() {
    clearTimeout(this.#stillTimer);
    delete this.still.dataset.painted;
    this.still.width = 0;
    this.#show();
  }

  #show() {
    const { phase, error, video, videos } = this.#deck;
    for (const one of videos) one.classList.toggle('stage-hidden', one !== video);
    const isMissing = (phase === 'idle' || this.#scrubbing) && this.#session.isMissing(this.#session.time);
    const showsStill = (!isMissing && (this.#scrubbing || phase === 'idle')) || (phase === 'loading' && 'painted' in this.still.dataset);
    this.still.classList.toggle('stage-hidden', !showsStill);
    this.element.dataset.phase = phase;
    this.#spinner.hidden = phase !== 'loading' && phase !== 'waiting';
    const text = isMissing ? `${this.#session.wordsAt(this.#session.time)}.` : this.#scrubbing ? '' : this.#words(phase, error);
    setText(this.#message, text.charAt(0).toUpperCase() + text.slice(1));
    this.#cover.hidden = text === '' && (this.#scrubbing || phase !== 'loading');
    this.#speed.hidden = this.#deck.speed === 1;
    setText(this.#speed, `${this.#deck.speed} ×`);
    this.#showTime();
  }

  /**
   * @param {import('./deck.js').Phase} phase
   * @param {string} error
   */
  #words(phase, error) {
    if (phase === 'failed') return error;
    if (phase === 'waiting') return 'This is the newest that is recorded. More comes as it is written; the live picture is ahead of it.';
    if (phase === 'ended') return 'The recording ends here.';
    return '';
  }

  #showTime() {
    const { time, data } = this.#session;
    setText(this.#date, dateText(time));
    setText(this.#clock, clockText(time));
    if (!data || this.#deck.phase !== 'idle' || this.#scrubbing) return;
    clearTimeout(this.#stillTimer);
    this.#stillTimer = setTimeout(() => {
      const isWanted = this.#deck.phase === 'idle' && !this.#scrubbing && !this.#session.isMissing(this.#session.time);
      if (isWanted) this.#thumbs.draw(this.#session.time, [this.still], { exact: true });
    }, STILL_MS);
  }
}

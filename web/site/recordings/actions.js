// What the keys and buttons do: moves the playhead and the view, by the session and the deck.

import { neighbourDay } from './calendar.js';
import { landing, markAfter, markBefore } from './marks.js';
import { SPEEDS } from './playback-plan.js';
import { ZOOM_STEP } from './scale.js';
import { dayRange, offsetMinutes } from './times.js';
import { gapText, markTitle } from './words.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./deck.js').Deck} Deck
 * @typedef {import('./stage.js').Stage} Stage
 * @typedef {import('./export-panel.js').ExportPanel} ExportPanel
 * @typedef {import('./keys.js').Action} Action
 *
 * @typedef {object} Parts
 * @property {Session} session
 * @property {Deck} deck
 * @property {Stage} stage
 * @property {ExportPanel} exporting
 * @property {() => void} openHelp
 * @property {() => void} openLive
 * @property {(text: string) => void} say
 */

/** One press of a page key moves half of what is seen. */
const PAN_SHARE = 0.5;

export class Actions {
  #parts;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * Goes to a moment, playing or not as it was.
   * @param {number} time
   * @param {boolean} [play]
   */
  go(time, play) {
    const { session, deck, say } = this.#parts;
    const { from, to } = session.limits;
    const there = Math.min(Math.max(time, from), to);
    // What was said was about another place.
    say('');
    void deck.seek(there, play);
    session.setTime(there);
  }

  /** @param {Action} action */
  act(action) {
    const { session, deck, stage, exporting, openHelp, openLive } = this.#parts;
    switch (action.type) {
      case 'toggle':
        return deck.toggle();
      case 'step':
        return this.go(session.time + action.ms);
      case 'zoom':
        return session.zoom(action.sense > 0 ? ZOOM_STEP : 1 / ZOOM_STEP);
      case 'pan':
        return session.pan(action.sense * PAN_SHARE);
      case 'speed':
        return this.#changeSpeed(action.sense);
      case 'mark':
        return session.mark(action.which, session.time);
      case 'export':
        return exporting.download();
      case 'event':
      case 'gap':
        return void this.#jump(action.type, action.sense);
      case 'day':
        return void this.#turnDay(action.sense);
      case 'oldest':
        return this.go(session.oldest);
      case 'newest':
        session.showNewest();
        return this.go(session.newest);
      case 'live':
        return openLive();
      case 'mute':
        deck.muted = !deck.muted;
        return;
      case 'fullscreen':
        return stage.toggleFullscreen();
      case 'help':
        return openHelp();
    }
  }

  /** Shows a day and puts the playhead at its first recording. @param {string} key */
  async showDay(key) {
    const first = await this.#parts.session.showDay(key);
    if (first === null) return;
    const { session, deck, say } = this.#parts;
    say('');
    void deck.seek(first);
    session.setTime(first, 'seen');
  }

  /** @param {1 | -1} sense */
  #changeSpeed(sense) {
    const { deck, say } = this.#parts;
    const speed = SPEEDS[SPEEDS.indexOf(deck.speed) + sense];
    if (!speed) return;
    deck.speed = speed;
    say(`Speed ${speed} ×.`);
  }

  /**
   * @param {'event' | 'gap'} what
   * @param {1 | -1} sense
   */
  async #jump(what, sense) {
    const { session, say } = this.#parts;
    const { data, limits, time } = session;
    if (!data) return;
    const find = sense > 0 ? markAfter : markBefore;
    const near = { events: data.timeline.events, gaps: session.gaps };
    const from = (/** @type {typeof near} */ { events, gaps }) => (what === 'event' ? find(events, time) : find(gaps, time));
    let found = from(near);
    try {
      found ??= from(await data.beyond(time, sense, limits));
    } catch (error) {
      return session.fail(error);
    }
    if (session.data !== data) return;
    if (!found) return say(`There is no ${sense > 0 ? 'later' : 'earlier'} ${what}.`);
    this.go(landing(found));
    say('why' in found ? `${gapText(found)}.` : `${markTitle(found)}.`);
  }

  /** @param {1 | -1} sense */
  async #turnDay(sense) {
    const { session, say } = this.#parts;
    const { data, day } = session;
    if (!data) return;
    try {
      const days = await data.days(offsetMinutes(dayRange(day).from));
      const next = neighbourDay(days, day, sense);
      if (next) await this.showDay(next);
      else say(`There are no recordings on ${sense > 0 ? 'later' : 'earlier'} days.`);
    } catch (error) {
      session.fail(error);
    }
  }
}

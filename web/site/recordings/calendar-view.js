// The month on screen: a button for each day that has recordings.

import { firstDayOfWeek, monthAfter, monthGrid, monthOf } from './calendar.js';
import { DAY_MS, dayKey, dayRange, offsetMinutes } from './times.js';
import { duration } from '../format.js';
import { el } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/** @typedef {import('./session.js').Session} Session */

/** Noon of 1 January 2024, a Monday: for the names of the days. */
const A_MONDAY = new Date(2024, 0, 1, 12).getTime();
/** What is recorded by day is asked for again every minute. */
const RENEW_MS = 60_000;

export class CalendarView {
  #session;
  #onDay;
  #title = el('h2', { class: 'cal-title', 'aria-live': 'polite' });
  #grid = el('div', { class: 'cal-grid' });
  #month = monthOf(dayKey(Date.now()));
  /** The day that was shown when the month last followed it. */
  #followed = '';
  #askedAt = Date.now();

  /**
   * @param {Session} session
   * @param {(key: string) => void} onDay
   */
  constructor(session, onDay) {
    this.#session = session;
    this.#onDay = onDay;
    const back = el('button', { type: 'button', class: 'icon-button cal-back', 'aria-label': 'Month before' }, icon('chevron'));
    const next = el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Month after' }, icon('chevron'));
    back.addEventListener('click', () => this.#turn(-1));
    next.addEventListener('click', () => this.#turn(1));
    this.element = el('section', { class: 'panel cal', 'aria-label': 'Days with recordings' }, el('div', { class: 'cal-head' }, back, this.#title, next), this.#grid);
    session.addEventListener('view', () => this.#follow());
    session.addEventListener('stream', () => void this.#draw());
    session.addEventListener('overview', () => this.#renew());
  }

  /** Days grow while the page is open. */
  #renew() {
    const now = Date.now();
    if (now - this.#askedAt < RENEW_MS) return;
    this.#session.data?.forgetDays();
    void this.#draw();
  }

  /** @param {number} months */
  #turn(months) {
    this.#month = monthAfter(this.#month, months);
    void this.#draw();
  }

  /** Shows the month of the day in view, when another day comes into view. */
  #follow() {
    const { day } = this.#session;
    if (day === this.#followed) return;
    this.#followed = day;
    this.#month = monthOf(day);
    void this.#draw();
  }

  /** Asks for the days and draws them; what is drawn stays until the answer is there. */
  async #draw() {
    const { data } = this.#session;
    const month = this.#month;
    if (!data) return;
    this.#askedAt = Date.now();
    const middle = dayRange(`${month}-15`).from;
    const days = await data.days(offsetMinutes(middle)).catch(() => /** @type {Set<string>} */ (new Set()));
    if (this.#session.data !== data || this.#month !== month) return;
    const firstDay = firstDayOfWeek();
    this.#title.textContent = new Date(middle).toLocaleDateString(undefined, { month: 'long', year: 'numeric' });
    const names = Array.from({ length: 7 }, (_, at) => {
      const date = new Date(A_MONDAY + ((at + firstDay - 1) % 7) * DAY_MS);
      return el('span', { class: 'cal-name', 'aria-hidden': 'true' }, date.toLocaleDateString(undefined, { weekday: 'narrow' }));
    });
    const cells = monthGrid(month, firstDay).flat().map((cell) => this.#cell(cell, days, data.seconds));
    const focused = this.#grid.contains(document.activeElement) && document.activeElement?.getAttribute('data-day');
    this.#grid.replaceChildren(...names, ...cells);
    if (focused) /** @type {HTMLElement | null} */ (this.#grid.querySelector(`[data-day="${focused}"]`))?.focus();
  }

  /**
   * @param {import('./calendar.js').Cell} cell
   * @param {Set<string>} days
   * @param {Map<string, number>} seconds
   */
  #cell({ key, day, inMonth }, days, seconds) {
    const isRecorded = days.has(key);
    const isShown = key === this.#session.day;
    const date = new Date(dayRange(key).from).toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
    const length = duration((seconds.get(key) ?? 0) * 1000);
    const button = el('button', {
      type: 'button',
      class: inMonth ? 'cal-day' : 'cal-day cal-other',
      disabled: !isRecorded,
      'data-day': key,
      'aria-label': isRecorded ? `${date}, ${length} recorded` : `${date}, nothing recorded`,
      'aria-current': isShown ? 'date' : null,
      'data-today': key === dayKey(Date.now()),
      title: isRecorded ? `${length} recorded` : null,
    }, day);
    if (isRecorded) {
      const bar = el('i', { class: 'cal-bar' });
      bar.style.setProperty('--share', String(Math.min(1, (seconds.get(key) ?? 0) / 86_400)));
      button.append(bar);
    }
    button.addEventListener('click', () => this.#onDay(key));
    return button;
  }
}

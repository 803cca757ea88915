// A month as rows of weeks. Pure.

import { dayAfter, dayKey } from './times.js';

/**
 * @typedef {object} Cell
 * @property {string} key 2026-11-29
 * @property {number} day of the month
 * @property {boolean} inMonth false for what fills up the first and the last week
 */

/** The month of a day: 2026-11. @param {string} key */
export function monthOf(key) {
  return key.slice(0, 7);
}

/**
 * @param {string} month
 * @param {number} months may be negative
 */
export function monthAfter(month, months) {
  const [year = 1970, number = 1] = month.split('-').map(Number);
  return monthOf(dayKey(new Date(year, number - 1 + months, 1).getTime()));
}

/**
 * @param {string} month
 * @param {number} [firstDay] of the week: 1 Monday, 7 Sunday
 * @returns {Cell[][]}
 */
export function monthGrid(month, firstDay = 1) {
  const [year = 1970, number = 1] = month.split('-').map(Number);
  const first = new Date(year, number - 1, 1);
  const before = (first.getDay() - (firstDay % 7) + 7) % 7;
  let key = dayAfter(dayKey(first.getTime()), -before);
  /** @type {Cell[][]} */
  const weeks = [];
  do {
    /** @type {Cell[]} */
    const week = [];
    for (let at = 0; at < 7; at += 1) {
      week.push({ key, day: Number(key.slice(8)), inMonth: monthOf(key) === month });
      key = dayAfter(key, 1);
    }
    weeks.push(week);
  } while (monthOf(key) === month);
  return weeks;
}

/**
 * The day of the week that weeks begin with where this language is spoken; Monday where browsers do not know.
 * @param {string} [locale]
 */
export function firstDayOfWeek(locale) {
  const known = /** @type {any} */ (new Intl.Locale(locale ?? Intl.DateTimeFormat().resolvedOptions().locale));
  return known.getWeekInfo?.().firstDay ?? known.weekInfo?.firstDay ?? 1;
}

/**
 * The day with recordings next to one, in a direction.
 * @param {Iterable<string>} days
 * @param {string} key
 * @param {1 | -1} sense
 * @returns {string | null}
 */
export function neighbourDay(days, key, sense) {
  const sorted = [...days].sort();
  return (sense > 0 ? sorted.find((day) => day > key) : sorted.findLast((day) => day < key)) ?? null;
}

// Days and moments as the person in front of the page has them: in the browser's time zone. Pure, except that zone.

/** @typedef {import('./types.js').Range} Range */

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** A day as a length. Days of the calendar are asked for with {@link dayRange}: two of each year have 23 and 25 hours. */
export const DAY_MS = 86_400_000;

/** @param {number} n */
const two = (n) => String(n).padStart(2, '0');

/** The calendar day of a moment: 2026-11-29. @param {number} ms */
export function dayKey(ms) {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** @param {string} key */
function keyParts(key) {
  const [year = 1970, month = 1, day = 1] = key.split('-').map(Number);
  return { year, month: month - 1, day };
}

/**
 * From midnight to midnight.
 * @param {string} key
 * @returns {Range}
 */
export function dayRange(key) {
  const { year, month, day } = keyParts(key);
  return { from: new Date(year, month, day).getTime(), to: new Date(year, month, day + 1).getTime() };
}

/**
 * @param {string} key
 * @param {number} days may be negative
 */
export function dayAfter(key, days) {
  const { year, month, day } = keyParts(key);
  return dayKey(new Date(year, month, day + days).getTime());
}

/** The midnight at or before a moment. @param {number} ms */
export function dayStart(ms) {
  return dayRange(dayKey(ms)).from;
}

/** Minutes that the clock on the wall is ahead of UTC at a moment. @param {number} ms */
export function offsetMinutes(ms) {
  return -new Date(ms).getTimezoneOffset();
}

/** One formatter for each shape: making one takes longer than using it. @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {number} ms
 * @param {Intl.DateTimeFormatOptions} options
 * @param {string} [locale]
 */
function format(ms, options, locale) {
  const key = `${locale}${JSON.stringify(options)}`;
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, known);
  return known.format(ms);
}

/**
 * The time of day: 10:03, or 10:03:21.
 * @param {number} ms
 * @param {{ seconds?: boolean, locale?: string }} [how]
 */
export function clockText(ms, { seconds = true, locale } = {}) {
  return format(ms, { hour: '2-digit', minute: '2-digit', ...(seconds && { second: '2-digit' }) }, locale);
}

/**
 * The day in full: Sun, 29 Nov 2026.
 * @param {number} ms
 * @param {string} [locale]
 */
export function dateText(ms, locale) {
  return format(ms, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }, locale);
}

/**
 * The days of a range, as shortly as they can be told apart: Sun, 29 Nov 2026, or 28 – 29 Nov 2026.
 * @param {number} from
 * @param {number} to
 * @param {string} [locale]
 */
export function dateRangeText(from, to, locale) {
  if (dayKey(from) === dayKey(to)) return dateText(from, locale);
  return new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' }).formatRange(from, to);
}

/**
 * The day for a mark on a ruler: Sun 29 Nov.
 * @param {number} ms
 * @param {string} [locale]
 */
export function shortDateText(ms, locale) {
  return format(ms, { weekday: 'short', day: 'numeric', month: 'short' }, locale);
}

/**
 * Date and time together.
 * @param {number} ms
 * @param {string} [locale]
 */
export function momentText(ms, locale) {
  return `${dateText(ms, locale)}, ${clockText(ms, { locale })}`;
}

/** For an `<input type="datetime-local" step="1">`. @param {number} ms */
export function fieldText(ms) {
  const date = new Date(ms);
  return `${dayKey(ms)}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/**
 * A moment out of a page's address or a field: RFC 3339, or seconds since 1970.
 * @param {string} text
 * @returns {number | null}
 */
export function parseMoment(text) {
  if (text.trim() === '') return null;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * SECOND_MS : Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}

/** The name of the time zone, for those who read times from elsewhere. */
export function zoneName() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

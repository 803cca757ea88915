// Server-sent events, read from a fetch body. Source: WHATWG HTML §9.2.6 (event stream interpretation).
// EventSource is not used because it hands out only events whose names are registered beforehand.

/** Longest event: 256 KiB. Events are a few hundred bytes; a body without an empty line must not fill the memory. */
const EVENT_CHARS_MAX = 256 * 1024;

/**
 * @typedef {object} SseEvent
 * @property {string} event
 * @property {string} data
 */

/** Cuts a text stream into events. Feed it pieces in any size. */
export class SseParser {
  #rest = '';

  /**
   * @param {string} text
   * @returns {SseEvent[]} the events that are complete now
   */
  push(text) {
    this.#rest += text;
    // A CR at the very end may be half of a CRLF: it stays until the next piece tells.
    const held = this.#rest.endsWith('\r') ? '\r' : '';
    const blocks = this.#rest.slice(0, this.#rest.length - held.length).replace(/\r\n?/g, '\n').split('\n\n');
    this.#rest = (blocks.pop() ?? '') + held;
    if (this.#rest.length > EVENT_CHARS_MAX) throw new Error(`an event is longer than ${EVENT_CHARS_MAX} characters`);
    return blocks.map(parseEvent).filter((event) => event !== null);
  }
}

/**
 * @param {string} block the lines of one event
 * @returns {SseEvent | null} null if it has no data: a comment, a keep-alive
 */
function parseEvent(block) {
  let event = 'message';
  /** @type {string[]} */
  const data = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return data.length > 0 ? { event, data: data.join('\n') } : null;
}

// What travels over the data channel `chat`, and what is kept of it. Pure.
// A message is JSON `{ "text": … }`; plain text of other clients is taken as it is.

/** The label that makes a data channel the chat. Source: docs/rooms.md. */
export const CHAT_LABEL = 'chat';
/** Longest message, in characters: 2000, a page of text; with four bytes each it is far below what a data channel carries. */
export const TEXT_MAX = 2_000;
/** As many are kept as somebody scrolls through. */
export const KEPT_MAX = 500;

/** @typedef {{ id: number, peerId: string, name: string, own: boolean, text: string, atMs: number }} ChatLine */

/** @param {string} text */
export function encodeChat(text) {
  return JSON.stringify({ text: cut(text.trim()) });
}

/**
 * The text of a message; "" if there is none.
 * @param {unknown} data as the data channel gives it
 */
export function decodeChat(data) {
  const text = typeof data === 'string' ? data : data instanceof ArrayBuffer ? new TextDecoder().decode(data) : '';
  try {
    const value = JSON.parse(text);
    if (typeof value?.text === 'string') return cut(value.text.trim());
  } catch {
    // Plain text.
  }
  return cut(text.trim());
}

/** @param {string} text */
function cut(text) {
  const letters = [...text];
  return letters.length > TEXT_MAX ? `${letters.slice(0, TEXT_MAX - 1).join('')}…` : text;
}

/** Keeps the lines of a meeting, also over a reconnect. */
export class ChatLog {
  /** @type {ChatLine[]} */
  lines = [];
  #lastId = 0;

  /** @param {Omit<ChatLine, 'id'>} line */
  add(line) {
    this.#lastId += 1;
    const added = { id: this.#lastId, ...line };
    this.lines = [...this.lines, added].slice(-KEPT_MAX);
    return added;
  }
}

// The chat beside the stage.

import { byId, el, setText } from '../ui/dom.js';

/** @typedef {import('./chat.js').ChatLine} ChatLine */

export class ChatPanel {
  #panel = byId('chat', HTMLElement);
  #lines = byId('chat-lines', HTMLOListElement);
  #text = byId('chat-text', HTMLInputElement);
  #error = byId('chat-error', HTMLElement);
  #onToggle;
  unread = 0;

  /**
   * @param {(text: string) => Promise<void>} say
   * @param {() => void} onToggle opened, closed, or the number of unread lines changed
   */
  constructor(say, onToggle) {
    this.#onToggle = onToggle;
    byId('chat-close', HTMLButtonElement).addEventListener('click', () => this.toggle());
    this.#panel.addEventListener('keydown', (event) => event.key === 'Escape' && this.toggle());
    byId('chat-form', HTMLFormElement).addEventListener('submit', async (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (!text) return;
      setText(this.#error, '');
      try {
        await say(text);
        this.#text.value = '';
      } catch (error) {
        setText(this.#error, error instanceof Error ? error.message : String(error));
      }
    });
  }

  get open() {
    return !this.#panel.hidden;
  }

  toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    this.unread = 0;
    this.#onToggle();
    if (this.open) this.#text.focus();
    else document.getElementById('bar-chat')?.focus();
  }

  /** @param {ChatLine} line */
  add(line) {
    const time = new Date(line.atMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const atEnd = this.#lines.scrollHeight - this.#lines.scrollTop - this.#lines.clientHeight < 40;
    const head = el('span', { class: 'chat-who' }, line.own ? 'You' : line.name, ' ', el('time', { class: 'muted' }, time));
    this.#lines.append(el('li', { class: line.own ? 'chat-line chat-own' : 'chat-line' }, head, el('span', { class: 'chat-text' }, line.text)));
    if (atEnd || line.own) this.#lines.scrollTop = this.#lines.scrollHeight;
    if (!this.open && !line.own) this.unread += 1;
    this.#onToggle();
  }

  /** A new meeting has no lines yet. */
  clear() {
    this.#lines.replaceChildren();
    this.unread = 0;
  }

  /** @param {string | null} why nothing can be written; null if it can */
  setMay(why) {
    this.#text.disabled = why !== null;
    this.#text.placeholder = why ?? 'Message to everybody';
  }
}

// One signalling connection in protoo's framing: requests both ways, notifications to us. Source: docs/rooms.md, "Messages".
// Owns the requests that wait for their answers. Knows nothing of rooms; a new try is a new object.

/** Longest wait for an answer: 15 s. The server answers within milliseconds; a network that hangs longer is lost. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Longest wait for the connection itself: 10 s. */
export const OPEN_TIMEOUT_MS = 10_000;

/** The server refused a request: `code` as in HTTP, `message` is its own sentence. */
export class Refused extends Error {
  /**
   * @param {number} code
   * @param {string} reason
   * @param {string} method
   */
  constructor(code, reason, method) {
    super(reason || `${method} was refused with ${code}`);
    this.name = 'Refused';
    this.code = code;
    this.method = method;
  }
}

/** There is no connection any more, or no answer came in time: a new connection may help. */
export class Lost extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'Lost';
  }
}

/**
 * @typedef {{ kind: 'request', id: number, method: string, data: any }
 *   | { kind: 'answer', id: number, data: any }
 *   | { kind: 'refusal', id: number, code: number, reason: string }
 *   | { kind: 'notification', method: string, data: any }} Message
 */

/**
 * Reads one message; null if it is none.
 * @param {unknown} text
 * @returns {Message | null}
 */
export function parseMessage(text) {
  if (typeof text !== 'string') return null;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { id, method, data = {} } = value;
  if (value.notification === true) return typeof method === 'string' ? { kind: 'notification', method, data } : null;
  if (!Number.isInteger(id)) return null;
  if (value.request === true) return typeof method === 'string' ? { kind: 'request', id, method, data } : null;
  if (value.response !== true) return null;
  if (value.ok === true) return { kind: 'answer', id, data };
  return { kind: 'refusal', id, code: Number(value.errorCode) || 500, reason: String(value.errorReason ?? '') };
}

/**
 * @typedef {object} Listener
 * @property {(method: string, data: any) => Promise<object | void>} onRequest what it throws is answered as a refusal
 * @property {(method: string, data: any) => void} onNotification
 * @property {(code: number, reason: string) => void} onClose called once, unless we closed it ourselves
 *
 * @typedef {Pick<WebSocket, 'send' | 'close' | 'readyState'> & {
 *   onopen: ((event: any) => void) | null, onmessage: ((event: any) => void) | null, onclose: ((event: any) => void) | null,
 * }} Socket
 */

/** `opening` → `open` → `closed`, or straight to `closed`, which is final. */
export class Protoo {
  #socket;
  #listener;
  #timeoutMs;
  #closed = false;
  #lastId = 0;
  /** @type {Map<number, { method: string, done: (data: any) => void, failed: (error: Error) => void, timer: ReturnType<typeof setTimeout> }>} */
  #waiting = new Map();
  /** Resolves when messages may be sent. @type {Promise<void>} */
  opened;

  /**
   * @param {Socket} socket just made with the subprotocol `protoo`
   * @param {Listener} listener
   * @param {{ requestTimeoutMs?: number, openTimeoutMs?: number }} [limits]
   */
  constructor(socket, listener, { requestTimeoutMs = REQUEST_TIMEOUT_MS, openTimeoutMs = OPEN_TIMEOUT_MS } = {}) {
    this.#socket = socket;
    this.#listener = listener;
    this.#timeoutMs = requestTimeoutMs;
    this.opened = new Promise((done, failed) => {
      const timer = setTimeout(() => this.#end(1006, 'the server does not answer'), openTimeoutMs);
      socket.onopen = () => {
        clearTimeout(timer);
        done();
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(timer);
        this.#end(code, reason);
        failed(new Lost('There is no connection to the server.'));
      };
    });
    // Who closes before it is open does not wait for it.
    this.opened.catch(() => {});
    socket.onmessage = ({ data }) => this.#handleMessage(data);
  }

  /**
   * @param {string} method
   * @param {object} [data]
   * @returns {Promise<any>} what the server answers; {@link Refused} or {@link Lost} otherwise
   */
  request(method, data) {
    if (this.#closed) return Promise.reject(new Lost('There is no connection to the server.'));
    this.#lastId = (this.#lastId + 1) % 2 ** 32;
    const id = this.#lastId;
    return new Promise((done, failed) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        failed(new Lost(`The server did not answer ${method}.`));
      }, this.#timeoutMs);
      this.#waiting.set(id, { method, done, failed, timer });
      this.#send({ request: true, id, method, data: data ?? {} });
    });
  }

  /** Says goodbye; `onClose` is not called. */
  close() {
    if (this.#closed) return;
    this.#finish();
    this.#socket.close(1000, 'left');
  }

  /** @param {unknown} text */
  #handleMessage(text) {
    const message = parseMessage(text);
    if (!message || this.#closed) return;
    if (message.kind === 'notification') this.#listener.onNotification(message.method, message.data);
    else if (message.kind === 'request') void this.#answer(message.id, message.method, message.data);
    else this.#settle(message);
  }

  /** @param {Extract<Message, { kind: 'answer' | 'refusal' }>} message */
  #settle(message) {
    const open = this.#waiting.get(message.id);
    if (!open) return;
    this.#waiting.delete(message.id);
    clearTimeout(open.timer);
    if (message.kind === 'answer') open.done(message.data);
    else open.failed(new Refused(message.code, message.reason, open.method));
  }

  /**
   * @param {number} id
   * @param {string} method
   * @param {any} data
   */
  async #answer(id, method, data) {
    try {
      const answer = await this.#listener.onRequest(method, data);
      this.#send({ response: true, id, ok: true, data: answer ?? {} });
    } catch (error) {
      const code = error instanceof Refused ? error.code : 500;
      this.#send({ response: true, id, ok: false, errorCode: code, errorReason: error instanceof Error ? error.message : String(error) });
    }
  }

  /** @param {object} message */
  #send(message) {
    if (!this.#closed && this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #end(code, reason) {
    if (this.#closed) return;
    this.#finish();
    this.#socket.close();
    this.#listener.onClose(code, reason);
  }

  #finish() {
    this.#closed = true;
    for (const { failed, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      failed(new Lost('The connection to the server was lost.'));
    }
    this.#waiting.clear();
  }
}

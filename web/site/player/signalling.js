// The signalling WebSocket `api/ws?src=…`: JSON texts with a type and a value, and binary media.

import { socketUrl } from '../control/client.js';

/**
 * @typedef {object} SignallingHooks
 * @property {() => void} onOpen
 * @property {(type: string, value: string) => void} onMessage also errors about talking, which end nothing
 * @property {(data: ArrayBuffer) => void} [onBinary]
 * @property {(reason: string) => void} onEnd called once: an error from the server, or the socket closed
 */

export class Signalling {
  #socket;
  #ended = false;

  /**
   * @param {string} src
   * @param {SignallingHooks} hooks
   */
  constructor(src, hooks) {
    const socket = new WebSocket(socketUrl('ws', { src }));
    const end = (/** @type {string} */ reason) => {
      if (this.#ended) return;
      this.#ended = true;
      hooks.onEnd(reason);
    };
    let opened = false;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      opened = true;
      hooks.onOpen();
    };
    socket.onclose = ({ reason }) => end(reason || (opened ? 'the server closed the connection' : 'the server does not answer'));
    socket.onmessage = ({ data }) => {
      if (this.#ended) return;
      if (data instanceof ArrayBuffer) {
        hooks.onBinary?.(data);
        return;
      }
      const message = parse(data);
      // A talk that is refused ends no session.
      if (message?.type === 'error' && !message.value.startsWith('talk: ')) end(message.value);
      else if (message) hooks.onMessage(message.type, message.value);
    };
    this.#socket = socket;
  }

  /**
   * @param {string} type
   * @param {string} value
   */
  send(type, value) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, value }));
  }

  /** Closes without a word to `onEnd`. */
  close() {
    this.#ended = true;
    this.#socket.close();
  }
}

/**
 * @param {string} text
 * @returns {{ type: string, value: string } | null} null for anything that is not a message
 */
function parse(text) {
  try {
    const { type, value } = JSON.parse(text);
    return { type: String(type), value: String(value ?? '') };
  } catch {
    return null;
  }
}

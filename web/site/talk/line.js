// The ways a microphone's sound takes to the server: in the session that plays, or by a connection of its own (WHIP) for
// modes that have no way back.

import { WhipPublisher } from '../publish/whip.js';

/**
 * @typedef {object} LineHooks
 * @property {() => void} onOpen the server takes the sound
 * @property {(ahead: number) => void} onWaiting so many talk before
 * @property {() => void} onClosed it hears nothing
 * @property {(why: string) => void} onRefused it does not take it, or the line is lost
 *
 * What the button asks of every line.
 * @typedef {object} TalkLine
 * @property {(track: MediaStreamTrack, hooks: LineHooks) => void} send
 * @property {() => void} stop
 */

/** The stream that flows towards the loudspeaker of a stream's device. @param {string} src */
export function talkStream(src) {
  return `${src}/talk`;
}

/** @implements {TalkLine} */
export class WhipLine {
  #dst;
  /** @type {WhipPublisher | null} */
  #publisher = null;

  /** @param {string} src the stream that plays */
  constructor(src) {
    this.#dst = talkStream(src);
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {LineHooks} hooks
   */
  send(track, { onOpen, onRefused }) {
    const publisher = new WhipPublisher(new MediaStream([track]), onRefused);
    this.#publisher = publisher;
    // Nobody wants to know how it went once it was stopped.
    const isWanted = () => this.#publisher === publisher;
    publisher.publish(this.#dst).then(
      () => isWanted() && onOpen(),
      (error) => {
        publisher.close();
        if (isWanted()) onRefused(error.message);
      },
    );
  }

  stop() {
    this.#publisher?.close();
    this.#publisher = null;
  }
}

// Keeps one transport's path alive: says when ICE is to be restarted, and when that has been tried often enough.
// Owns two timers; what restarts is the caller's work.

/** 'disconnected' often heals by itself; after 3 s a new path is looked for. */
export const DISCONNECT_GRACE_MS = 3_000;
/** A restart that has not connected after 8 s is not going to: checks come every 50 ms. */
export const RESTART_WAIT_MS = 8_000;
/** After three restarts the whole connection is made anew. */
export const RESTARTS_MAX = 3;

/** `fine` → `doubtful` when disconnected → `restarting` → `fine` when connected, or given up, which is final. */
export class IceKeeper {
  #restarts = 0;
  #over = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #restart;
  #giveUp;

  /**
   * @param {() => Promise<void>} restart
   * @param {() => void} giveUp called once
   */
  constructor(restart, giveUp) {
    this.#restart = restart;
    this.#giveUp = giveUp;
  }

  /** @param {RTCPeerConnectionState} state */
  handleState(state) {
    if (this.#over) return;
    if (state === 'connected') {
      clearTimeout(this.#timer);
      this.#restarts = 0;
    } else if (state === 'disconnected') {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.restart(), DISCONNECT_GRACE_MS);
    } else if (state === 'failed') {
      this.restart();
    }
  }

  /** Looks for a new path now: also when the device has come into another network. */
  restart() {
    if (this.#over) return;
    clearTimeout(this.#timer);
    if (this.#restarts >= RESTARTS_MAX) {
      this.close();
      this.#giveUp();
      return;
    }
    this.#restarts += 1;
    this.#timer = setTimeout(() => this.restart(), RESTART_WAIT_MS);
    // Refused or unanswered: the timer tries again.
    this.#restart().catch(() => {});
  }

  close() {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

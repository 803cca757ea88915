// Plays what the others say: one audio element for each sound, through the chosen speaker.

/** @typedef {import('./roster.js').Medium} Medium */

export class Sounds {
  /** @type {Map<string, HTMLAudioElement>} by consumer */
  #playing = new Map();
  #place;
  #onBlocked;
  #speaker = '';

  /**
   * @param {HTMLElement} place
   * @param {(blocked: boolean) => void} onBlocked browsers want a click before they make a sound
   */
  constructor(place, onBlocked) {
    this.#place = place;
    this.#onBlocked = onBlocked;
  }

  /** Whether this browser lets a page choose its speaker. */
  static get canChoose() {
    return 'setSinkId' in HTMLMediaElement.prototype;
  }

  /** @param {Iterable<Medium>} media */
  show(media) {
    const wanted = new Map([...media].filter(({ kind, track }) => kind === 'audio' && track).map((medium) => [medium.id, medium]));
    for (const [id, audio] of this.#playing) {
      if (wanted.has(id)) continue;
      audio.srcObject = null;
      audio.remove();
      this.#playing.delete(id);
    }
    for (const [id, { track }] of wanted) {
      if (this.#playing.has(id) || !track) continue;
      const audio = document.createElement('audio');
      audio.srcObject = new MediaStream([track]);
      this.#playing.set(id, audio);
      this.#place.append(audio);
      void this.#route(audio);
      this.#play(audio);
    }
    if (this.#playing.size === 0) this.#onBlocked(false);
  }

  /** After a click. */
  unlock() {
    this.#onBlocked(false);
    for (const audio of this.#playing.values()) this.#play(audio);
  }

  /** @param {string} id of a device, "" for the usual one */
  async choose(id) {
    this.#speaker = id;
    await Promise.all([...this.#playing.values()].map((audio) => this.#route(audio)));
  }

  /** @param {HTMLAudioElement} audio */
  #play(audio) {
    audio.play().catch((error) => {
      if (error.name === 'NotAllowedError') this.#onBlocked(true);
    });
  }

  /** @param {HTMLAudioElement} audio */
  async #route(audio) {
    if (this.#speaker && Sounds.canChoose) await audio.setSinkId(this.#speaker).catch(() => {});
  }
}

// The microphone: opened when it is first needed, and given back some seconds after it was last used, so that the
// browser's recording sign goes out. Owns the device and the meter on it.

import { dbfs } from './level.js';

/** Kept open for 8 s after talking: a conversation is not interrupted by opening it again. */
const LINGER_MS = 8_000;
/** Samples a look at the level takes: 1024, 21 ms at 48 kHz. */
const METER_SAMPLES = 1024;

export class Microphone {
  /** @type {Promise<MediaStream> | null} */
  #opened = null;
  /** @type {{ context: AudioContext, analyser: AnalyserNode } | null} */
  #meter = null;
  #samples = new Float32Array(METER_SAMPLES);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #linger;
  #onLost;

  /** @param {() => void} onLost called when the device stops by itself */
  constructor(onLost) {
    this.#onLost = onLost;
  }

  /**
   * The microphone's track; asks the user the first time, and throws the browser's error.
   * @returns {Promise<MediaStreamTrack>}
   */
  async open() {
    clearTimeout(this.#linger);
    this.#opened ??= this.#ask();
    const media = await this.#opened;
    const track = media.getAudioTracks()[0];
    if (!track) throw new Error('The browser gave no microphone.');
    return track;
  }

  /** Not needed any more, for now. */
  rest() {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.close(), LINGER_MS);
  }

  /** How loud it is, in dBFS; -Infinity while it is closed. */
  level() {
    if (!this.#meter) return -Infinity;
    this.#meter.analyser.getFloatTimeDomainData(this.#samples);
    return dbfs(this.#samples);
  }

  close() {
    clearTimeout(this.#linger);
    const opened = this.#opened;
    this.#opened = null;
    opened?.then((media) => media.getTracks().forEach((track) => track.stop())).catch(() => {});
    this.#meter?.context.close().catch(() => {});
    this.#meter = null;
  }

  async #ask() {
    // What the loudspeaker of this device says must not come back to the camera's.
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    try {
      const media = await navigator.mediaDevices.getUserMedia({ audio });
      for (const track of media.getTracks()) track.addEventListener('ended', () => this.#lost());
      this.#measure(media);
      return media;
    } catch (error) {
      this.#opened = null;
      throw error;
    }
  }

  /** @param {MediaStream} media */
  #measure(media) {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: METER_SAMPLES });
    context.createMediaStreamSource(media).connect(analyser);
    this.#meter = { context, analyser };
  }

  #lost() {
    this.close();
    this.#onLost();
  }
}

// This device's camera, microphone and screen: opened when switched on, given back when switched off. Owns the tracks.

/** @typedef {'camera' | 'microphone' | 'screen'} What */

/** What is asked of a camera: 720p, the top of three layers. */
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class OwnMedia {
  /** Chosen devices; "" is the usual one. */
  chosen = { camera: '', microphone: '', speaker: '' };
  /** @type {Map<What | 'screenAudio', MediaStreamTrack>} */
  #tracks = new Map();
  #onEnded;

  /** @param {(what: What) => void} onEnded the device stopped, or the browser's own button for the end of sharing was pressed */
  constructor(onEnded) {
    this.#onEnded = onEnded;
  }

  /** @param {What | 'screenAudio'} what */
  track(what) {
    return this.#tracks.get(what) ?? null;
  }

  /**
   * Opens a device, or gives the track that is open. Throws the browser's error.
   * @param {What} what
   * @returns {Promise<MediaStreamTrack>}
   */
  async open(what) {
    const open = this.#tracks.get(what);
    if (open) return open;
    const media = await this.#ask(what);
    const track = (what === 'microphone' ? media.getAudioTracks() : media.getVideoTracks())[0];
    if (!track) throw new DOMException('', 'NotFoundError');
    this.#tracks.set(what, track);
    track.addEventListener('ended', () => this.#tracks.get(what) === track && this.#onEnded(what));
    const sound = what === 'screen' ? media.getAudioTracks()[0] : undefined;
    if (sound) this.#tracks.set('screenAudio', sound);
    // Letters are to be sharp rather than smooth.
    if (what === 'screen') track.contentHint = 'detail';
    return track;
  }

  /** Gives the device back: its lamp goes out. @param {What} what */
  close(what) {
    /** @type {(What | 'screenAudio')[]} */
    const all = what === 'screen' ? ['screen', 'screenAudio'] : [what];
    for (const one of all) {
      this.#tracks.get(one)?.stop();
      this.#tracks.delete(one);
    }
  }

  closeAll() {
    for (const track of this.#tracks.values()) track.stop();
    this.#tracks.clear();
  }

  /** @param {What} what @returns {Promise<MediaStream>} */
  #ask(what) {
    const exact = (/** @type {string} */ id) => (id ? { deviceId: { exact: id } } : {});
    if (!navigator.mediaDevices) throw new DOMException('', 'NotFoundError');
    if (what === 'screen') return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 15 }, audio: true });
    if (what === 'camera') return navigator.mediaDevices.getUserMedia({ video: { ...CAMERA, ...exact(this.chosen.camera) } });
    return navigator.mediaDevices.getUserMedia({ audio: { ...MICROPHONE, ...exact(this.chosen.microphone) } });
  }
}

/**
 * The devices there are; labels are empty until a capture was allowed.
 * @param {MediaDeviceKind} kind
 * @returns {Promise<{ id: string, label: string }[]>}
 */
export async function listDevices(kind) {
  const names = { videoinput: 'Camera', audioinput: 'Microphone', audiooutput: 'Speaker' };
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return all
    .filter((device) => device.kind === kind && device.deviceId)
    .map(({ deviceId, label }, at) => ({ id: deviceId, label: label || `${names[kind]} ${at + 1}` }));
}

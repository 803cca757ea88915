// The sending side of WebRTC over WHIP: one peer connection, one session on the server. Source: RFC 9725.

import { apiUrl } from '../control/client.js';
import { deleteSession, postOffer } from '../http-signalling.js';

/** Longest wait for own candidates: 1 s; host candidates are known within milliseconds. */
const GATHER_MS = 1_000;
/** 'disconnected' often heals by itself; after 5 s it counts as the end. */
const DISCONNECT_GRACE_MS = 5_000;

/** Codecs other protocols can carry on come first: H.264 goes into RTSP, RTMP and MP4, VP8 only into some. */
const VIDEO_ORDER = ['video/h264', 'video/vp8', 'video/vp9', 'video/av1'];

/**
 * @param {{ mimeType: string }[]} codecs
 * @returns {any[]} the same codecs, ours first
 */
export function preferredOrder(codecs) {
  const rank = (/** @type {{ mimeType: string }} */ { mimeType }) => {
    const at = VIDEO_ORDER.indexOf(mimeType.toLowerCase());
    return at < 0 ? VIDEO_ORDER.length : at;
  };
  return codecs.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * What has been sent so far.
 * @typedef {{ bytes: number, frames: number, width: number, height: number, codec: string }} Sent
 */

export class WhipPublisher {
  #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  /** @type {URL | null} */
  #session = null;
  #closed = false;
  #onEnd;

  /**
   * @param {MediaStream} media
   * @param {(reason: string) => void} onEnd called once if the connection ends by itself
   */
  constructor(media, onEnd) {
    this.#onEnd = onEnd;
    for (const track of media.getTracks()) {
      const transceiver = this.#connection.addTransceiver(track, { direction: 'sendonly', streams: [media] });
      const codecs = track.kind === 'video' ? RTCRtpSender.getCapabilities('video')?.codecs : undefined;
      if (codecs) transceiver.setCodecPreferences?.(preferredOrder(codecs));
    }
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let grace;
    this.#connection.onconnectionstatechange = () => {
      clearTimeout(grace);
      const state = this.#connection.connectionState;
      if (state === 'failed') this.#end('No network path to the server.');
      if (state === 'disconnected') grace = setTimeout(() => this.#end('The connection was lost.'), DISCONNECT_GRACE_MS);
    };
  }

  /**
   * Offers the media; resolves when the server has taken it, throws what it says otherwise.
   * @param {string} dst the stream's name
   */
  async publish(dst) {
    await this.#connection.setLocalDescription();
    await this.#gathered();
    const { answer, session } = await postOffer(apiUrl('webrtc', { dst }), this.#connection.localDescription?.sdp ?? '');
    this.#session = session;
    if (this.#closed) void deleteSession(session);
    else await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  /** @returns {Promise<Sent>} */
  async sent() {
    const sent = { bytes: 0, frames: 0, width: 0, height: 0, codec: '' };
    const reports = await this.#connection.getStats();
    for (const report of reports.values()) {
      if (report.type !== 'outbound-rtp') continue;
      sent.bytes += report.bytesSent ?? 0;
      if (report.kind !== 'video') continue;
      sent.frames += report.framesEncoded ?? 0;
      sent.width = report.frameWidth ?? 0;
      sent.height = report.frameHeight ?? 0;
      sent.codec = reports.get(report.codecId)?.mimeType?.split('/')[1] ?? '';
    }
    return sent;
  }

  /** Ends the session on the server too; without a word to `onEnd`. */
  close() {
    this.#closed = true;
    const connection = this.#connection;
    connection.onconnectionstatechange = null;
    // Nothing more is sent, however long the server takes to hear of the end.
    for (const sender of connection.getSenders()) sender.replaceTrack(null).catch(() => {});
    void deleteSession(this.#session).then(() => connection.close());
    this.#session = null;
  }

  /** @param {string} reason */
  #end(reason) {
    if (this.#closed) return;
    this.close();
    this.#onEnd(reason);
  }

  #gathered() {
    const connection = this.#connection;
    return new Promise((done) => {
      const look = () => connection.iceGatheringState === 'complete' && done(null);
      connection.addEventListener('icegatheringstatechange', look);
      setTimeout(done, GATHER_MS, null);
      look();
    });
  }
}

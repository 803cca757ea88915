// WebRTC without signalling: one peer connection that fills one video element, and may take a microphone the other way.
// No STUN or TURN server is ever asked; the media server's own candidates are enough on a network it is reachable in.

import { sentKinds } from './sdp.js';
import { codecName } from '../format.js';

/** @typedef {import('./meter.js').Sample} Sample */

/** 'disconnected' often heals by itself (a Wi-Fi change); after 4 s it counts as the end. */
const DISCONNECT_GRACE_MS = 4_000;

export class Peer {
  #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  /** Where a microphone goes; offered without one, so that it needs no new offer later. @type {RTCRtpTransceiver | null} */
  #microphone = null;
  /** @type {string[] | null} */
  #early = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #grace;
  #onEnd;
  /** Jitter buffer counters of the last look: seconds and frames. */
  #jitter = { delay: 0, emitted: 0 };

  /**
   * @param {HTMLVideoElement} video
   * @param {object} hooks
   * @param {(reason: string) => void} hooks.onEnd
   * @param {(candidate: string) => void} [hooks.onCandidate]
   * @param {boolean} [hooks.talks] offer to send a microphone
   */
  constructor(video, { onEnd, onCandidate, talks }) {
    this.#onEnd = onEnd;
    const connection = this.#connection;
    const media = new MediaStream();
    connection.addTransceiver('video', { direction: 'recvonly' });
    connection.addTransceiver('audio', { direction: 'recvonly' });
    if (talks) this.#microphone = connection.addTransceiver('audio', { direction: 'sendonly' });
    connection.ontrack = ({ track }) => {
      media.addTrack(track);
      if (video.srcObject !== media) video.srcObject = media;
    };
    connection.onicecandidate = ({ candidate }) => onCandidate?.(candidate?.candidate ?? '');
    connection.onconnectionstatechange = () => {
      clearTimeout(this.#grace);
      const state = connection.connectionState;
      if (state === 'failed') onEnd('no network path to the server');
      if (state === 'disconnected') {
        this.#grace = setTimeout(() => onEnd('the connection was lost'), DISCONNECT_GRACE_MS);
      }
    };
  }

  /** Makes the offer. */
  async offer() {
    await this.#connection.setLocalDescription();
    return this.#connection.localDescription?.sdp ?? '';
  }

  /** Resolves when the own candidates are all known, or after `limitMs`. Returns the offer with them. @param {number} limitMs */
  async gathered(limitMs) {
    const connection = this.#connection;
    if (connection.iceGatheringState !== 'complete') {
      await new Promise((done) => {
        connection.addEventListener('icegatheringstatechange', () => {
          if (connection.iceGatheringState === 'complete') done(null);
        });
        setTimeout(done, limitMs, null);
      });
    }
    return connection.localDescription?.sdp ?? '';
  }

  /**
   * Takes the answer and the candidates that came before it.
   * @param {string} sdp
   * @returns {Promise<Set<string>>} the kinds of media that will come
   */
  async handleAnswer(sdp) {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    this.#watchTransport();
    const early = this.#early ?? [];
    this.#early = null;
    for (const candidate of early) await this.handleCandidate(candidate);
    return sentKinds(sdp);
  }

  /** Whether the server takes a microphone: known with its answer. */
  takesMicrophone() {
    return this.#microphone?.currentDirection === 'sendonly';
  }

  /** Sends a microphone's sound, or nothing. @param {MediaStreamTrack | null} track */
  async sendMicrophone(track) {
    await this.#microphone?.sender.replaceTrack(track);
  }

  /** A server that ends the session says so in DTLS; the connection's own state does not show that. */
  #watchTransport() {
    const transport = this.#connection.getReceivers()[0]?.transport;
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed' && this.#connection.connectionState !== 'closed') this.#onEnd('the server ended the session');
    });
  }

  /** @param {string} candidate "" is the end of candidates and means nothing here */
  async handleCandidate(candidate) {
    if (this.#early) this.#early.push(candidate);
    else if (candidate) await this.#connection.addIceCandidate({ candidate, sdpMid: '0' }).catch(() => {});
  }

  /** @returns {Promise<Sample>} */
  async sample() {
    /** @type {Sample} */
    const sample = { frames: 0, bytes: 0, freezes: 0, codec: '', latencyMs: null };
    const reports = await this.#connection.getStats();
    /** @type {string[]} */
    const codecs = [];
    for (const report of reports.values()) {
      if (report.type !== 'inbound-rtp') continue;
      sample.bytes += report.bytesReceived ?? 0;
      const mime = reports.get(report.codecId)?.mimeType;
      if (mime && report.bytesReceived > 0) codecs[report.kind === 'video' ? 'unshift' : 'push'](codecName(mime.split('/')[1]));
      if (report.kind !== 'video') continue;
      sample.frames += report.framesDecoded ?? 0;
      sample.freezes += report.freezeCount ?? 0;
      sample.latencyMs = this.#latency(report, reports);
    }
    sample.codec = codecs.join(' + ');
    return sample;
  }

  /**
   * Half the round trip plus the time frames wait in the jitter buffer, or null before frames have left it.
   * @param {any} inbound
   * @param {RTCStatsReport} reports
   */
  #latency(inbound, reports) {
    const delay = inbound.jitterBufferDelay ?? 0;
    const emitted = inbound.jitterBufferEmittedCount ?? 0;
    const frames = emitted - this.#jitter.emitted;
    const waited = frames > 0 ? (delay - this.#jitter.delay) / frames : null;
    this.#jitter = { delay, emitted };
    if (waited === null) return null;
    const transport = reports.get(inbound.transportId);
    const roundTrip = reports.get(transport?.selectedCandidatePairId)?.currentRoundTripTime ?? 0;
    return Math.round((waited + roundTrip / 2) * 1000);
  }

  close() {
    clearTimeout(this.#grace);
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
  }
}

// Who is in the room and what they send: the state that the stage draws. Pure but for the tracks it carries.

import { layerCounts } from './layers.js';

/**
 * @typedef {import('./layers.js').Layers} Layers
 * @typedef {import('./layers.js').Quality} Quality
 * @typedef {'camera' | 'screen' | 'microphone' | 'screenAudio'} Source
 *
 * A picture or a sound that is received.
 * @typedef {object} Medium
 * @property {string} id of the consumer
 * @property {string} producerId
 * @property {string} peerId
 * @property {'audio' | 'video'} kind
 * @property {Source} source
 * @property {MediaStreamTrack | null} track
 * @property {boolean} paused by its sender or by an admin
 * @property {{ spatial: number, temporal: number }} counts
 * @property {number} sentHeight of the highest layer, 0 if it was not told
 * @property {Layers | null} current what is sent to us
 *
 * @typedef {{ id: string, name: string }} Peer
 *
 * What is drawn: one per participant, and one per shared screen.
 * @typedef {object} Tile
 * @property {string} key
 * @property {string} peerId
 * @property {string} name
 * @property {boolean} own
 * @property {'camera' | 'screen'} source
 * @property {Medium | null} picture null: no picture, or an own one
 * @property {MediaStreamTrack | null} track
 * @property {boolean} muted no sound is sent
 * @property {boolean} pictureOff its sender has paused it
 */

/** Sources as `appData` names them; one that nobody knows counts as the usual one of its kind. @type {Source[]} */
const SOURCES = ['camera', 'screen', 'microphone', 'screenAudio'];

export class Roster {
  /** @type {Map<string, Peer>} */
  peers = new Map();
  /** @type {Map<string, Medium>} by consumer */
  media = new Map();
  /** Who speaks. @type {string | null} */
  speaker = null;

  /** @param {{ id: string, displayName?: string }} peer */
  addPeer({ id, displayName }) {
    this.peers.set(id, { id, name: displayName || id });
  }

  /** @param {string} id @returns {Peer | undefined} who left */
  removePeer(id) {
    const peer = this.peers.get(id);
    this.peers.delete(id);
    for (const medium of [...this.media.values()]) if (medium.peerId === id) this.media.delete(medium.id);
    if (this.speaker === id) this.speaker = null;
    return peer;
  }

  /** @param {string} id @param {string} name */
  rename(id, name) {
    if (this.peers.has(id)) this.peers.set(id, { id, name: name || id });
  }

  /** @param {string} id */
  nameOf(id) {
    return this.peers.get(id)?.name ?? id;
  }

  /**
   * @param {any} data what `newConsumer` said
   * @param {MediaStreamTrack | null} track
   * @returns {Medium}
   */
  addMedium(data, track) {
    const { id, producerId, peerId, kind, rtpParameters, appData, producerPaused } = data;
    const usual = kind === 'audio' ? 'microphone' : 'camera';
    const source = SOURCES.includes(appData?.source) ? appData.source : usual;
    const medium = {
      id,
      producerId,
      peerId,
      kind,
      source,
      track,
      paused: producerPaused === true,
      counts: layerCounts(rtpParameters?.encodings?.[0]?.scalabilityMode),
      sentHeight: Number(appData?.height) || 0,
      current: null,
    };
    this.media.set(id, medium);
    // The server may tell of a medium before it tells of its sender.
    if (!this.peers.has(peerId)) this.addPeer({ id: peerId });
    return medium;
  }

  /**
   * Applies a notification. Those that are of no concern here change nothing.
   * @param {string} method
   * @param {any} data
   * @returns {boolean} whether something changed
   */
  handleNotification(method, data) {
    switch (method) {
      case 'newPeer':
        this.addPeer(data);
        return true;
      case 'peerClosed':
        return this.removePeer(data.peerId) !== undefined;
      case 'peerDisplayNameChanged':
        this.rename(data.peerId, data.displayName);
        return true;
      case 'consumerPaused':
      case 'consumerResumed': {
        const medium = this.media.get(data.consumerId);
        if (medium) medium.paused = method === 'consumerPaused';
        return medium !== undefined;
      }
      case 'consumerClosed':
        return this.media.delete(data.consumerId);
      case 'consumerLayersChanged': {
        const medium = this.media.get(data.consumerId);
        const { spatialLayer, temporalLayer } = data;
        if (medium) medium.current = typeof spatialLayer === 'number' ? { spatialLayer, temporalLayer: temporalLayer ?? 0 } : null;
        return medium !== undefined;
      }
      case 'activeSpeaker':
        this.speaker = data.peerId ?? null;
        return true;
      default:
        return false;
    }
  }

  /** The tiles of everybody else. @returns {Tile[]} */
  tiles() {
    const tiles = [];
    for (const { id, name } of this.peers.values()) {
      const media = [...this.media.values()].filter(({ peerId }) => peerId === id);
      const camera = media.find(({ source, kind }) => source === 'camera' && kind === 'video') ?? null;
      const sounds = media.filter(({ source, kind }) => source === 'microphone' && kind === 'audio');
      const muted = !sounds.some(({ paused }) => !paused);
      tiles.push(tileOf(id, name, 'camera', camera, muted));
      for (const screen of media.filter(({ source, kind }) => source === 'screen' && kind === 'video')) tiles.push(tileOf(id, name, 'screen', screen, true));
    }
    return tiles;
  }
}

/**
 * @param {string} peerId
 * @param {string} name
 * @param {'camera' | 'screen'} source
 * @param {Medium | null} picture
 * @param {boolean} muted
 * @returns {Tile}
 */
function tileOf(peerId, name, source, picture, muted) {
  const key = source === 'screen' && picture ? `${peerId}/screen/${picture.producerId}` : peerId;
  return { key, peerId, name, own: false, source, picture, track: picture?.track ?? null, muted, pictureOff: picture?.paused === true };
}

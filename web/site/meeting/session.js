// One connection to one room: signalling, both transports, what is sent and what is received. Source: docs/rooms.md.
// `opening` → `joined` → `closed`, which is final: whoever comes back makes a new one.

import { socketUrl } from '../control/client.js';
import { CHAT_LABEL } from './chat.js';
import { Device } from './device.js';
import { IceKeeper } from './ice-keeper.js';
import { Lost, Protoo, Refused } from './protoo.js';
import { Roster } from './roster.js';

/**
 * @typedef {import('../../mediasoup-client.js').Transport} Transport
 * @typedef {import('../../mediasoup-client.js').Producer} Producer
 * @typedef {import('../../mediasoup-client.js').Consumer} Consumer
 * @typedef {import('../../mediasoup-client.js').DataProducer} DataProducer
 * @typedef {import('../../mediasoup-client.js').Opaque} Opaque
 *
 * @typedef {object} SessionListener
 * @property {() => void} onChange of the roster
 * @property {(method: string, data: any) => void} onNotification before the roster has it
 * @property {(peerId: string, data: unknown) => void} onChat
 * @property {(code: number, reason: string) => void} onClose called once, unless we closed it ourselves
 */

/** That a transport carries data channels too. Browsers can have 1024 streams; mediasoup-client does not tell any more. */
const SCTP_CAPABILITIES = { numStreams: { OS: 1024, MIS: 1024 } };
/** What a data channel of the chat that is not open in time is told as: 5 s, it opens with the first round trip. */
const CHAT_OPEN_MS = 5_000;

export class Session {
  roster = new Roster();
  /** The own identity. */
  id = '';
  /** What the token grants. @type {any} */
  grants = {};
  /** Whether the server carries data channels: without them there is no chat. */
  hasData = false;
  #protoo;
  #listener;
  #closed = false;
  /** @type {import('../../mediasoup-client.js').Device | null} */
  #device = null;
  /** @type {{ transport: Transport, keeper: IceKeeper }[]} */
  #transports = [];
  /** @type {Transport | null} */
  #send = null;
  /** @type {Transport | null} */
  #recv = null;
  /** @type {Map<string, Consumer>} */
  #consumers = new Map();
  /** @type {Promise<DataProducer> | null} */
  #chat = null;

  /**
   * @param {string} room
   * @param {SessionListener} listener
   */
  constructor(room, listener) {
    this.#listener = listener;
    this.#protoo = new Protoo(new WebSocket(socketUrl('rooms/ws', { room }), 'protoo'), {
      onRequest: (method, data) => this.#handleRequest(method, data),
      onNotification: (method, data) => this.#handleNotification(method, data),
      onClose: (code, reason) => this.#end(code, reason),
    });
  }

  /**
   * Joins. Throws {@link Refused} or Lost.
   * @param {{ token: string, displayName: string }} who
   */
  async open({ token, displayName }) {
    await this.#protoo.opened;
    if (token) await this.request('authenticate', { token });
    const device = await Device.factory();
    this.#device = device;
    await device.load({ routerRtpCapabilities: (await this.request('getRouterRtpCapabilities')).routerRtpCapabilities });
    const joined = await this.request('join', { displayName, device: { flag: 'web', name: 'Aqueduct' }, rtpCapabilities: device.recvRtpCapabilities });
    this.id = joined.id;
    this.grants = joined.grants ?? {};
    for (const peer of joined.peers) this.roster.addPeer(peer);
    // A transport that the token has no use for is refused.
    if (this.grants.subscribe) this.#recv = await this.#transport('recv');
    if (this.grants.publish || this.grants.data) this.#send = await this.#transport('send');
    this.#listener.onChange();
  }

  /**
   * @param {string} method
   * @param {object} [data]
   */
  request(method, data) {
    return this.#protoo.request(method, data);
  }

  /** Codecs of pictures that both sides have. */
  get videoCodecs() {
    return this.#device?.sendRtpCapabilities.codecs?.filter(({ kind }) => kind === 'video') ?? [];
  }

  /**
   * Sends a track; the caller keeps the track.
   * @param {Parameters<Transport['produce']>[0]} options
   */
  async produce(options) {
    if (!this.#send) throw new Refused(403, 'the token does not grant publishing', 'produce');
    const producer = await this.#send.produce({ stopTracks: false, ...options });
    if (this.#closed) producer.close();
    return producer;
  }

  /** @param {Producer} producer */
  async closeProducer(producer) {
    if (producer.closed) return;
    producer.close();
    await this.request('closeProducer', { producerId: producer.id });
  }

  /**
   * @param {Producer} producer
   * @param {boolean} paused
   */
  async setProducerPaused(producer, paused) {
    if (paused) producer.pause();
    else producer.resume();
    await this.request(paused ? 'pauseProducer' : 'resumeProducer', { producerId: producer.id });
  }

  /** Sends a message of the chat. @param {string} message */
  async sendChat(message) {
    this.#chat ??= this.#openChat();
    try {
      (await this.#chat).send(message);
    } catch (error) {
      this.#chat = null;
      throw error;
    }
  }

  /** @param {string} consumerId */
  consumer(consumerId) {
    return this.#consumers.get(consumerId);
  }

  /** Looks for new paths on both transports. */
  restartIce() {
    for (const { keeper } of this.#transports) keeper.restart();
  }

  /** How the transports are: `connected` when all that are in use are. */
  get connectionStates() {
    return this.#transports.map(({ transport }) => transport.connectionState);
  }

  /** Leaves: the server tells the others. */
  close() {
    if (this.#closed) return;
    this.#finish();
    this.#protoo.close();
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #end(code, reason) {
    if (this.#closed) return;
    this.#finish();
    this.#protoo.close();
    this.#listener.onClose(code, reason);
  }

  #finish() {
    this.#closed = true;
    for (const { transport, keeper } of this.#transports) {
      keeper.close();
      transport.close();
    }
  }

  /**
   * @param {'send' | 'recv'} direction
   * @returns {Promise<Transport>}
   */
  async #transport(direction) {
    const device = this.#device;
    if (!device) throw new Lost('There is no connection to the server.');
    const options = await this.request('createWebRtcTransport', { direction, sctpCapabilities: SCTP_CAPABILITIES });
    this.hasData ||= options.sctpParameters !== undefined;
    const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
    const transportId = transport.id;
    const restart = async () => transport.restartIce({ iceParameters: (await this.request('restartIce', { transportId })).iceParameters });
    const keeper = new IceKeeper(restart, () => this.#end(1006, 'no path to the server'));
    this.#transports.push({ transport, keeper });
    transport.on('connectionstatechange', (state) => keeper.handleState(state));
    transport.on('connect', ({ dtlsParameters }, done, failed) => this.request('connectWebRtcTransport', { transportId, dtlsParameters }).then(done, failed));
    transport.on('produce', ({ kind, rtpParameters, appData }, done, failed) =>
      this.request('produce', { transportId, kind, rtpParameters, appData }).then(done, failed),
    );
    transport.on('producedata', ({ sctpStreamParameters, label, protocol, appData }, done, failed) =>
      this.request('produceData', { transportId, sctpStreamParameters, label, protocol, appData }).then(done, failed),
    );
    return transport;
  }

  async #openChat() {
    if (!this.#send) throw new Refused(403, 'the token does not grant data', 'produceData');
    const producer = await this.#send.produceData({ ordered: true, label: CHAT_LABEL });
    if (producer.readyState === 'open') return producer;
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Lost('The chat could not be opened.')), CHAT_OPEN_MS);
      producer.on('open', () => {
        clearTimeout(timer);
        done(producer);
      });
      producer.on('transportclose', () => failed(new Lost('The connection to the server was lost.')));
    });
  }

  /**
   * @param {string} method
   * @param {any} data
   */
  async #handleRequest(method, data) {
    if (!this.#recv) throw new Refused(409, 'there is no transport to receive', method);
    if (method === 'newConsumer') return this.#consume(this.#recv, data);
    if (method === 'newDataConsumer') return this.#consumeData(this.#recv, data);
    throw new Refused(400, `unknown method ${method}`, method);
  }

  /**
   * @param {Transport} recv
   * @param {any} data
   */
  async #consume(recv, data) {
    const { id, producerId, kind, rtpParameters, peerId, appData } = data;
    // What belongs together is played together: the sounds of a screen with the screen.
    const streamId = `${peerId}-${String(appData?.source ?? '').startsWith('screen') ? 'screen' : 'camera'}`;
    // Known from now on: it may be paused or closed while it is still being made.
    const medium = this.roster.addMedium(data, null);
    const consumer = await recv.consume({ id, producerId, kind, rtpParameters, streamId, appData: appData ?? {} });
    if (this.roster.media.get(id) !== medium) {
      consumer.close();
      return;
    }
    this.#consumers.set(id, consumer);
    medium.track = consumer.track;
    this.#listener.onChange();
  }

  /**
   * @param {Transport} recv
   * @param {any} data
   */
  async #consumeData(recv, data) {
    const { id, dataProducerId, sctpStreamParameters, label, protocol, peerId, appData } = data;
    const consumer = await recv.consumeData({ id, dataProducerId, sctpStreamParameters, label, protocol, appData: appData ?? {} });
    if (label === CHAT_LABEL) consumer.on('message', (message) => this.#listener.onChat(peerId, message));
  }

  /**
   * @param {string} method
   * @param {any} data
   */
  #handleNotification(method, data) {
    if (method === 'consumerClosed') this.#closeConsumer(data.consumerId);
    if (method === 'peerClosed') for (const { id, peerId } of this.roster.media.values()) if (peerId === data.peerId) this.#closeConsumer(id);
    if (method === 'transportClosed') return this.#end(1006, data.reason ?? '');
    if (method === 'kicked') return this.#end(4000, `kicked: ${data.reason ?? ''}`);
    if (method === 'roomClosed') return this.#end(4000, `room closed: ${data.reason ?? ''}`);
    // Told first, so that whoever leaves still has a name.
    this.#listener.onNotification(method, data);
    if (this.roster.handleNotification(method, data)) this.#listener.onChange();
  }

  /** @param {string} id */
  #closeConsumer(id) {
    this.#consumers.get(id)?.close();
    this.#consumers.delete(id);
  }
}

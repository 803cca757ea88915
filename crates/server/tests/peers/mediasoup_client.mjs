// The public API of mediasoup-client, unmodified, against rooms: two participants in one page that speak docs/rooms.md.
//
// Settings: `url` of any page of the server, `key` (`kid` and `secret`), `room`.

import { hear, run } from './browser.mjs';
import { grants, sign } from './rooms.mjs';

/** Runs in the page. */
async function journey({ room, tokens }) {
  const { Device, version } = await import('/vendor/mediasoup-client.js');
  const result = { version };
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const until = async (what, check, limitMs = 15_000) => {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const found = await check();
      if (found) return found;
      if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
      await sleep(50);
    }
  };

  /** One participant: a socket in protoo's framing, a device, two transports. */
  class Participant {
    notifications = [];
    consumers = new Map();
    messages = [];
    channels = new Map();
    #waiting = new Map();
    #id = 0;

    async open(token) {
      const url = `${location.origin.replace('http', 'ws')}/api/rooms/ws?room=${room}`;
      this.socket = new WebSocket(url, ['protoo', `bearer.${token}`]);
      this.socket.onmessage = ({ data }) => this.#handle(JSON.parse(data));
      this.closed = new Promise((done) => (this.socket.onclose = ({ code, reason }) => done({ code, reason })));
      await new Promise((done, failed) => {
        this.socket.onopen = done;
        this.socket.onerror = () => failed(new Error('the WebSocket was refused'));
      });
      this.device = await Device.factory();
      await this.device.load({ routerRtpCapabilities: (await this.request('getRouterRtpCapabilities')).routerRtpCapabilities });
      this.joined = await this.request('join', { displayName: 'anyone', rtpCapabilities: this.device.recvRtpCapabilities });
      this.send = await this.#transport('send');
      this.recv = await this.#transport('recv');
    }

    request(method, data = {}) {
      const id = (this.#id += 1);
      this.socket.send(JSON.stringify({ request: true, id, method, data }));
      return new Promise((done, failed) => this.#waiting.set(id, { done, failed }));
    }

    seen(method, matches = () => true) {
      return this.notifications.find((one) => one.method === method && matches(one.data));
    }

    async #transport(direction) {
      const options = await this.request('createWebRtcTransport', { direction, sctpCapabilities: { numStreams: { OS: 1024, MIS: 1024 } } });
      const transport = direction === 'send' ? this.device.createSendTransport(options) : this.device.createRecvTransport(options);
      transport.on('connect', ({ dtlsParameters }, done, failed) => this.request('connectWebRtcTransport', { transportId: transport.id, dtlsParameters }).then(done, failed));
      transport.on('produce', (data, done, failed) => this.request('produce', { transportId: transport.id, ...data }).then(done, failed));
      transport.on('producedata', (data, done, failed) => this.request('produceData', { transportId: transport.id, ...data }).then(done, failed));
      return transport;
    }

    async #handle(message) {
      if (message.response) {
        const { done, failed } = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.ok) done(message.data);
        else failed(Object.assign(new Error(message.errorReason), { code: message.errorCode }));
      } else if (message.notification) {
        this.notifications.push(message);
        if (message.method === 'consumerClosed') this.consumers.get(message.data.consumerId)?.consumer.close();
      } else {
        await this.#made(message);
        this.socket.send(JSON.stringify({ response: true, id: message.id, ok: true, data: {} }));
      }
    }

    async #made({ method, data }) {
      if (method === 'newConsumer') {
        const consumer = await this.recv.consume({ ...data, streamId: data.peerId });
        this.consumers.set(consumer.id, { consumer, data });
      } else if (method === 'newDataConsumer') {
        const channel = await this.recv.consumeData(data);
        this.channels.set(channel.id, data);
        channel.on('message', (text) => this.messages.push({ label: data.label, peerId: data.peerId, text }));
      }
    }
  }

  const refused = (promise) => promise.then(() => 'answered', ({ code, message }) => ({ code, message }));
  const received = async ({ consumer }) => [...(await consumer.getStats()).values()].find(({ type }) => type === 'inbound-rtp') ?? {};
  const framesWithin = async (of, ms) => {
    const before = (await received(of)).framesDecoded ?? 0;
    await sleep(ms);
    return ((await received(of)).framesDecoded ?? 0) - before;
  };

  // What is sent: a moving picture of 720p, and a tone.
  const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
  const context = canvas.getContext('2d');
  let frame = 0;
  setInterval(() => {
    frame += 1;
    context.fillStyle = '#246';
    context.fillRect(0, 0, 1280, 720);
    for (let stripe = 0; stripe < 8; stripe += 1) {
      context.fillStyle = `hsl(${stripe * 45} 90% 55%)`;
      context.fillRect((frame * 9 + stripe * 160) % 1280, stripe * 90, 120, 90);
    }
  }, 40);
  const [picture] = canvas.captureStream(25).getVideoTracks();
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 440 });
  const microphone = audio.createMediaStreamDestination();
  tone.connect(microphone);
  tone.start();
  const [sound] = microphone.stream.getAudioTracks();

  const ann = new Participant();
  const ben = new Participant();
  await ann.open(tokens.ann);
  await ben.open(tokens.ben);
  result.joined = { ann: ann.joined, ben: ben.joined };
  result.canProduce = [ann.device.canProduce('audio'), ann.device.canProduce('video')];
  await until('Ann hears of Ben', () => ann.seen('newPeer', ({ id }) => id === 'ben'));

  // Simulcast and sound are produced and consumed.
  const encodings = [4, 2, 1].map((scaleResolutionDownBy, at) => ({ rid: `r${at}`, scaleResolutionDownBy, maxBitrate: [150_000, 500_000, 1_500_000][at], scalabilityMode: 'L1T3' }));
  const codec = ann.device.sendRtpCapabilities.codecs.find(({ mimeType }) => mimeType.toLowerCase() === 'video/vp8');
  const video = await ann.send.produce({ track: picture, encodings, codec, codecOptions: { videoGoogleStartBitrate: 1500 }, appData: { source: 'camera', mine: 7 } });
  const voice = await ann.send.produce({ track: sound, appData: { source: 'microphone' } });
  const seen = await until('a picture', () => [...ben.consumers.values()].find(({ data }) => data.producerId === video.id));
  const heard = await until('a sound', () => [...ben.consumers.values()].find(({ data }) => data.producerId === voice.id));
  result.consumer = { type: seen.data.type, appData: seen.data.appData, peerId: seen.data.peerId, mode: seen.consumer.rtpParameters.encodings[0].scalabilityMode };
  await until('frames', async () => (await received(seen)).framesDecoded > 20, 20_000);
  // Sound that nobody listens to is not decoded.
  await Object.assign(document.createElement('audio'), { srcObject: new MediaStream([heard.consumer.track]) }).play();
  await until('sound', async () => (await received(heard)).totalAudioEnergy > 0.01, 20_000);
  result.codec = [seen.consumer.rtpParameters.codecs[0].mimeType, heard.consumer.rtpParameters.codecs[0].mimeType];

  // The picture itself moves and has its colours.
  const element = Object.assign(document.createElement('video'), { muted: true, srcObject: new MediaStream([seen.consumer.track]) });
  await element.play();
  const small = new OffscreenCanvas(160, 90).getContext('2d', { willReadFrequently: true });
  const take = () => {
    small.drawImage(element, 0, 0, 160, 90);
    return small.getImageData(0, 0, 160, 90).data;
  };
  const first = take();
  await sleep(300);
  const second = take();
  const colours = new Set();
  let changed = 0;
  for (let at = 0; at < second.length; at += 4) {
    if (Math.abs(first[at] - second[at]) + Math.abs(first[at + 1] - second[at + 1]) > 60) changed += 1;
    colours.add(((second[at] >> 5) << 6) | ((second[at + 1] >> 5) << 3) | (second[at + 2] >> 5));
  }
  result.picture = { changed, colours: colours.size };

  // Layers switch when asked.
  const consumerId = seen.consumer.id;
  result.heights = [];
  const sending = async () => {
    const all = [...(await ann.send.getStats()).values()];
    const layers = all.filter(({ type }) => type === 'outbound-rtp').map(({ rid, frameHeight, framesPerSecond, targetBitrate, qualityLimitationReason, nackCount, pliCount }) => ({ rid, frameHeight, framesPerSecond, targetBitrate, qualityLimitationReason, nackCount, pliCount }));
    return JSON.stringify({ available: all.find(({ type, nominated }) => type === 'candidate-pair' && nominated)?.availableOutgoingBitrate, layers });
  };
  for (const spatialLayer of [0, 2, 1]) {
    await ben.request('setConsumerPreferredLayers', { consumerId, spatialLayer, temporalLayer: 2 });
    await until(`layer ${spatialLayer}`, async () => (await received(seen)).frameHeight === [180, 360, 720][spatialLayer], 30_000).catch(async (error) => {
      throw new Error(`${error.message}; what is sent: ${await sending()}`);
    });
    result.heights.push((await received(seen)).frameHeight);
  }
  result.layersTold = ben.notifications.filter(({ method }) => method === 'consumerLayersChanged').map(({ data }) => data.spatialLayer);

  // Pauses, of the producer and of the consumer.
  video.pause();
  await ann.request('pauseProducer', { producerId: video.id });
  await until('told of the pause', () => ben.seen('consumerPaused', (data) => data.consumerId === consumerId));
  await sleep(500);
  const producerPaused = await framesWithin(seen, 1_000);
  video.resume();
  await ann.request('resumeProducer', { producerId: video.id });
  await until('told of the end of the pause', () => ben.seen('consumerResumed', (data) => data.consumerId === consumerId));
  await until('frames again', async () => (await framesWithin(seen, 300)) > 2);
  await ben.request('pauseConsumer', { consumerId });
  seen.consumer.pause();
  await sleep(500);
  const consumerPaused = await framesWithin(seen, 1_000);
  seen.consumer.resume();
  await ben.request('resumeConsumer', { consumerId });
  await until('frames at last', async () => (await framesWithin(seen, 300)) > 2);
  result.framesInPause = [producerPaused, consumerPaused];
  await ben.request('requestConsumerKeyFrame', { consumerId });
  await ben.request('setConsumerPriority', { consumerId, priority: 100 });

  // Data: ordered and unordered, text and bytes.
  const opened = (channel) => until('the channel', () => channel.readyState === 'open');
  const chat = await ann.send.produceData({ ordered: true, label: 'chat', protocol: 'text', appData: { more: 1 } });
  const loose = await ann.send.produceData({ ordered: false, maxRetransmits: 0, label: 'loose' });
  await Promise.all([opened(chat), opened(loose)]);
  const bytes = crypto.getRandomValues(new Uint8Array(20_000));
  for (let at = 0; at < 50; at += 1) chat.send(`message ${at}`);
  chat.send(bytes);
  loose.send('by the way');
  await until('all messages', () => ben.messages.length === 52);
  result.channels = [...ben.channels.values()].map(({ label, protocol, sctpStreamParameters }) => ({ label, protocol, ordered: sctpStreamParameters.ordered, maxRetransmits: sctpStreamParameters.maxRetransmits }));
  const ordered = ben.messages.filter(({ label }) => label === 'chat').map(({ text }) => text);
  const last = ordered.pop();
  const got = new Uint8Array(last instanceof Blob ? await last.arrayBuffer() : last);
  result.data = { inOrder: ordered.every((text, at) => text === `message ${at}`), sameBytes: got.length === bytes.length && got.every((byte, at) => byte === bytes[at]), own: ann.messages.length };
  chat.close();
  await ann.request('closeDataProducer', { dataProducerId: chat.id });
  await until('the channel is closed', () => ben.seen('dataConsumerClosed'));

  // ICE restarts on both sides while the picture goes on.
  const restart = async (participant, transport) => {
    const { iceParameters } = await participant.request('restartIce', { transportId: transport.id });
    await transport.restartIce({ iceParameters });
    return iceParameters.usernameFragment;
  };
  // Counted where they are shown: the browser begins its own count anew with a restart.
  const shownWithin = async (ms) => {
    const before = element.getVideoPlaybackQuality().totalVideoFrames;
    await sleep(ms);
    return element.getVideoPlaybackQuality().totalVideoFrames - before;
  };
  const fragments = [];
  const frames = [];
  const before = await shownWithin(3_000);
  for (const [participant, transport] of [[ann, ann.send], [ben, ben.recv], [ben, ben.recv]]) {
    const during = shownWithin(3_000);
    fragments.push(await restart(participant, transport));
    frames.push(await during);
  }
  result.restart = { different: new Set(fragments).size, before, frames, sending: await sending() };
  await until('connected', () => ann.send.connectionState === 'connected' && ben.recv.connectionState === 'connected');

  // Statistics, and refusals that name what is wrong.
  const stats = async (participant, method, data) => (await participant.request(method, data)).stats.map(({ type }) => type);
  result.stats = {
    transport: await stats(ann, 'getTransportStats', { transportId: ann.send.id }),
    producer: await stats(ann, 'getProducerStats', { producerId: video.id }),
    consumer: await stats(ben, 'getConsumerStats', { consumerId }),
  };
  result.refusals = [
    await refused(ann.request('dance')),
    await refused(ann.request('pauseConsumer', { consumerId })),
    await refused(ann.request('join', {})),
    await refused(ann.request('kickPeer', { peerId: 'ben' })),
    await refused(ann.request('setConsumerPreferredLayers', {})),
  ];

  // All is closed, one after the other, and told.
  video.close();
  await ann.request('closeProducer', { producerId: video.id });
  await until('the picture is closed', () => ben.seen('consumerClosed', (data) => data.consumerId === consumerId));
  result.closedConsumer = seen.consumer.closed;
  ann.send.close();
  await ann.request('closeTransport', { transportId: ann.send.id });
  await until('the sound is closed', () => ben.seen('consumerClosed', (data) => data.consumerId === heard.consumer.id));
  ann.socket.close();
  result.peerClosed = (await until('Ann is gone', () => ben.seen('peerClosed', ({ peerId }) => peerId === 'ann'))).data;
  ben.socket.close();
  return result;
}

run(async (browser, settings) => {
  const complaints = [];
  const page = await browser.newPage();
  page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
  await page.goto(settings.url);
  hear(page, complaints);
  const token = (sub) => sign(settings.key, { sub, name: sub, grants: grants(settings.room) });
  const result = await page.evaluate(journey, { room: settings.room, tokens: { ann: token('ann'), ben: token('ben') } });
  return { ...result, complaints };
});

// What runs inside the pages: WHEP, WHIP and the time code in the picture. Plain functions, sent to the page as text.

/** The time code: 48 bits in two rows of 24 squares of 16 pixels, 40 of time in ms and 8 of check sum. */
function drawTime(context) {
  const now = Date.now() % 2 ** 40;
  let check = 0;
  for (let byte = 0; byte < 5; byte += 1) check ^= Math.floor(now / 2 ** (8 * byte)) & 255;
  for (let bit = 0; bit < 48; bit += 1) {
    const on = bit < 40 ? Math.floor(now / 2 ** bit) & 1 : (check >> (bit - 40)) & 1;
    context.fillStyle = on ? '#fff' : '#000';
    context.fillRect((bit % 24) * 16, Math.floor(bit / 24) * 16, 16, 16);
  }
}

/** Reads the time code of a picture; null when it is torn. */
function readTime(context) {
  const pixels = context.getImageData(0, 0, 384, 32).data;
  let time = 0;
  let check = 0;
  for (let bit = 0; bit < 48; bit += 1) {
    const x = (bit % 24) * 16 + 8;
    const y = Math.floor(bit / 24) * 16 + 8;
    const on = pixels[(y * 384 + x) * 4] > 127;
    if (on && bit < 40) time += 2 ** bit;
    if (on && bit >= 40) check |= 1 << (bit - 40);
  }
  for (let byte = 0; byte < 5; byte += 1) check ^= Math.floor(time / 2 ** (8 * byte)) & 255;
  return check === 0 ? time : null;
}

/** A moving picture with the time code, as a media stream. */
function timedCanvas() {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  document.body.append(canvas);
  const context = canvas.getContext('2d');
  let frame = 0;
  setInterval(() => {
    frame += 1;
    context.fillStyle = '#246';
    context.fillRect(0, 0, 640, 360);
    context.fillStyle = '#fc3';
    context.fillRect((frame * 7) % 600, 160, 40, 120);
    drawTime(context);
  }, 33);
  return canvas.captureStream(30);
}

async function gathered(connection) {
  if (connection.iceGatheringState === 'complete') return;
  await new Promise((done) => {
    const limit = setTimeout(done, 1000);
    connection.addEventListener('icegatheringstatechange', () => {
      if (connection.iceGatheringState !== 'complete') return;
      clearTimeout(limit);
      done(null);
    });
  });
}

/** Sends the offer as WHIP and WHEP say; answers with the session's address. Source: RFC 9725. */
async function exchange(connection, url, waitForCandidates) {
  await connection.setLocalDescription(await connection.createOffer());
  if (waitForCandidates) await gathered(connection);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: connection.localDescription.sdp,
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`status ${response.status}: ${text}`);
  await connection.setRemoteDescription({ type: 'answer', sdp: text });
  const location = response.headers.get('location');
  if (!location) throw new Error('no Location: not sent, or not exposed to other origins');
  return new URL(location, url).href;
}

async function connected(connection, limitMs) {
  const deadline = performance.now() + limitMs;
  while (connection.connectionState !== 'connected') {
    if (performance.now() > deadline) throw new Error(`not connected but ${connection.connectionState}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Publishes; `what` is `camera` (Chromium's fake one, with sound) or `canvas`; `codec` such as `video/H264`. */
async function publish({ url, what, codec }) {
  const media =
    what === 'canvas' ? timedCanvas() : await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });
  const connection = new RTCPeerConnection();
  for (const track of media.getTracks()) {
    const transceiver = connection.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    if (track.kind === 'video' && codec) {
      const all = RTCRtpSender.getCapabilities('video').codecs;
      transceiver.setCodecPreferences(all.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
    }
  }
  const session = await exchange(connection, url, true);
  await connected(connection, 10_000);
  window.publishing = { connection, session };
  return session;
}

/** Plays; resolves at the first frame with the milliseconds that it took. */
async function play({ url }) {
  const startedAt = performance.now();
  const connection = new RTCPeerConnection();
  connection.addTransceiver('video', { direction: 'recvonly' });
  connection.addTransceiver('audio', { direction: 'recvonly' });
  const video = document.createElement('video');
  Object.assign(video, { autoplay: true, muted: true, playsInline: true });
  document.body.append(video);
  const media = new MediaStream();
  connection.addEventListener('track', ({ track, receiver }) => {
    receiver.jitterBufferTarget = 0;
    media.addTrack(track);
    video.srcObject = media;
  });
  const latencies = [];
  let torn = 0;
  const canvas = new OffscreenCanvas(384, 32);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const firstFrame = new Promise((done) => {
    const handleFrame = () => {
      done(performance.now() - startedAt);
      context.drawImage(video, 0, 0, 384, 32, 0, 0, 384, 32);
      const time = readTime(context);
      if (time === null) torn += 1;
      else latencies.push((Date.now() % 2 ** 40) - time);
      video.requestVideoFrameCallback(handleFrame);
    };
    video.requestVideoFrameCallback(handleFrame);
  });
  const session = await exchange(connection, url, true);
  const limit = new Promise((_done, fail) => setTimeout(() => fail(new Error('no picture within 10 s')), 10_000));
  const firstFrameMs = await Promise.race([firstFrame, limit]);
  window.playing = { connection, video, session, latencies, torn: () => torn };
  return firstFrameMs;
}

/** Counters of what plays. */
async function counters() {
  const { connection, latencies, torn } = window.playing;
  const result = { framesDecoded: 0, freezes: 0, audioBytes: 0, videoCodec: '', torn: torn(), latencies };
  const reports = await connection.getStats();
  reports.forEach((report) => {
    if (report.type !== 'inbound-rtp') return;
    if (report.kind === 'video') {
      result.framesDecoded = report.framesDecoded;
      result.freezes = report.freezeCount ?? 0;
      result.videoCodec = reports.get(report.codecId)?.mimeType ?? '';
    } else {
      result.audioBytes = report.bytesReceived;
    }
  });
  return result;
}

/** How much of the picture differs from its middle pixel, and its mean brightness: a black picture has neither. */
function look(video) {
  const canvas = document.createElement('canvas');
  canvas.width = 160;
  canvas.height = 90;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 160, 90);
  const pixels = context.getImageData(0, 0, 160, 90).data;
  const colours = new Set();
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    colours.add(((pixels[at] >> 5) << 6) | ((pixels[at + 1] >> 5) << 3) | (pixels[at + 2] >> 5));
    sum += pixels[at] + pixels[at + 1] + pixels[at + 2];
  }
  return { colours: colours.size, brightness: Math.round(sum / (160 * 90 * 3)) };
}

/** All of the above as text for a page. */
export const IN_PAGE = [drawTime, readTime, timedCanvas, gathered, exchange, connected, publish, play, counters, look]
  .map(String)
  .join('\n');

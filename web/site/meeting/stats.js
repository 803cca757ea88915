// What the statistics of a tile say: rates out of two looks at the browser's counters. Pure: reports and times come in.
// Source: W3C Identifiers for WebRTC's Statistics API.

/**
 * Counters at one moment, all streams of a tile together.
 * @typedef {object} Look
 * @property {number} atMs
 * @property {number} bytes
 * @property {number} frames decoded, or encoded
 * @property {number} packets that came, or that were sent
 * @property {number} lost
 * @property {number} width
 * @property {number} height
 * @property {string} codec as its MIME type says, without "video/"
 * @property {number | null} rttMs
 * @property {number | null} fractionLost as the other side says, of what is sent
 * @property {string[]} sending layers that are being sent: their heights
 *
 * @typedef {object} TileStats
 * @property {number} width
 * @property {number} height
 * @property {number | null} fps
 * @property {number | null} bitrate bit/s
 * @property {number | null} lossPercent
 * @property {number | null} rttMs
 * @property {string} codec
 * @property {string[]} sending
 * @property {number} frames
 */

/**
 * One look at what is received.
 * @param {Iterable<any>} reports
 * @param {number} atMs
 * @returns {Look}
 */
export function lookAtReceived(reports, atMs) {
  const all = [...reports];
  const look = emptyLook(all, atMs);
  for (const report of all) {
    if (report.type !== 'inbound-rtp') continue;
    look.bytes += report.bytesReceived ?? 0;
    look.frames += report.framesDecoded ?? 0;
    look.packets += report.packetsReceived ?? 0;
    look.lost += report.packetsLost ?? 0;
    look.width = Math.max(look.width, report.frameWidth ?? 0);
    look.height = Math.max(look.height, report.frameHeight ?? 0);
    look.codec ||= codecOf(all, report.codecId);
  }
  return look;
}

/**
 * One look at what is sent. The largest layer gives the size and the frames.
 * @param {Iterable<any>} reports
 * @param {number} atMs
 * @returns {Look}
 */
export function lookAtSent(reports, atMs) {
  const all = [...reports];
  const look = emptyLook(all, atMs);
  for (const report of all) {
    if (report.type === 'remote-inbound-rtp') {
      if (typeof report.roundTripTime === 'number') look.rttMs = report.roundTripTime * 1000;
      if (typeof report.fractionLost === 'number') look.fractionLost = Math.max(look.fractionLost ?? 0, report.fractionLost);
    }
    if (report.type !== 'outbound-rtp') continue;
    look.bytes += report.bytesSent ?? 0;
    look.packets += report.packetsSent ?? 0;
    look.frames = Math.max(look.frames, report.framesEncoded ?? 0);
    look.width = Math.max(look.width, report.frameWidth ?? 0);
    look.height = Math.max(look.height, report.frameHeight ?? 0);
    look.codec ||= codecOf(all, report.codecId);
    if (report.frameHeight && report.framesPerSecond && report.active !== false) look.sending.push(`${report.frameHeight}p`);
  }
  look.sending.sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
  return look;
}

/**
 * @param {any[]} all
 * @param {number} atMs
 * @returns {Look}
 */
function emptyLook(all, atMs) {
  const pair = all.find((report) => report.type === 'candidate-pair' && report.nominated && report.state === 'succeeded');
  const rttMs = typeof pair?.currentRoundTripTime === 'number' ? pair.currentRoundTripTime * 1000 : null;
  return { atMs, bytes: 0, frames: 0, packets: 0, lost: 0, width: 0, height: 0, codec: '', rttMs, fractionLost: null, sending: [] };
}

/**
 * @param {any[]} all
 * @param {string | undefined} id
 */
function codecOf(all, id) {
  const mime = all.find((report) => report.id === id)?.mimeType ?? '';
  return String(mime).split('/')[1] ?? '';
}

/**
 * What happened between two looks. Counters that went back belong to another stream: no rate then.
 * @param {Look | null} before
 * @param {Look} now
 * @returns {TileStats}
 */
export function tileStats(before, now) {
  const { width, height, codec, rttMs, sending, frames } = now;
  const seconds = before ? (now.atMs - before.atMs) / 1000 : 0;
  const known = before !== null && seconds > 0 && now.bytes >= before.bytes && now.frames >= before.frames;
  if (!before || !known) return { width, height, codec, rttMs, sending, frames, fps: null, bitrate: null, lossPercent: lossOf(null, now) };
  return {
    width,
    height,
    codec,
    rttMs,
    sending,
    frames,
    fps: (now.frames - before.frames) / seconds,
    bitrate: ((now.bytes - before.bytes) * 8) / seconds,
    lossPercent: lossOf(before, now),
  };
}

/**
 * @param {Look | null} before
 * @param {Look} now
 */
function lossOf(before, now) {
  if (now.fractionLost !== null) return now.fractionLost * 100;
  if (!before) return null;
  // A late packet makes `lost` smaller again.
  const lost = Math.max(0, now.lost - before.lost);
  const all = lost + Math.max(0, now.packets - before.packets);
  return all > 0 ? (lost / all) * 100 : null;
}

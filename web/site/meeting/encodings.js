// How pictures are sent: simulcast, scalable, or one stream. Pure.

/** @typedef {'vp8' | 'vp9'} Codec what a person chooses: VP8 in three streams, or VP9 in one with three layers */

/** Bit rates of the whole picture of 720p: 1.7 Mbit/s, as browsers themselves choose for it; a quarter of the pixels needs a third. */
const CAMERA_BITRATE = 1_700_000;
/** A screen has small letters and few changes: 3 Mbit/s, and it may come slowly. */
const SCREEN_BITRATE = 3_000_000;
/** A screen in motion looks well enough with 15 pictures a second, and its letters stay sharp. */
export const SCREEN_FPS = 15;

/**
 * The camera's encodings, lowest layer first.
 * @param {Codec} codec
 * @param {number} height of the picture, in pixels: layers of less than 180 lines help nobody
 * @returns {RTCRtpEncodingParameters[]}
 */
export function cameraEncodings(codec, height) {
  const layers = height >= 720 ? 3 : height >= 360 ? 2 : 1;
  const whole = Math.round(CAMERA_BITRATE * Math.min(1, height / 720) ** 1.5);
  if (codec === 'vp9') return [encoding({ scalabilityMode: `L${layers}T3`, maxBitrate: whole })];
  return Array.from({ length: layers }, (_, layer) => {
    const scale = 2 ** (layers - 1 - layer);
    return encoding({ rid: `r${layer}`, scaleResolutionDownBy: scale, maxBitrate: Math.round(whole / 3 ** (layers - 1 - layer)), scalabilityMode: 'L1T3' });
  });
}

/** @returns {RTCRtpEncodingParameters[]} */
export function screenEncodings() {
  return [encoding({ maxBitrate: SCREEN_BITRATE, maxFramerate: SCREEN_FPS, scalabilityMode: 'L1T1' })];
}

/**
 * TypeScript's DOM does not know `scalabilityMode` yet.
 * @param {RTCRtpEncodingParameters & { scalabilityMode?: string }} parameters
 * @returns {RTCRtpEncodingParameters}
 */
function encoding(parameters) {
  return parameters;
}

/**
 * The codec that was chosen, out of those that both sides have; the other one if there is only that.
 * @template {{ mimeType: string }} T
 * @param {T[]} codecs
 * @param {Codec} chosen
 * @returns {{ codec: T | undefined, chosen: Codec }} undefined: neither, so that mediasoup-client chooses
 */
export function pickCodec(codecs, chosen) {
  const find = (/** @type {Codec} */ name) => codecs.find(({ mimeType }) => mimeType.toLowerCase() === `video/${name}`);
  const wanted = find(chosen);
  if (wanted) return { codec: wanted, chosen };
  const other = chosen === 'vp8' ? 'vp9' : 'vp8';
  return { codec: find(other), chosen: find(other) ? other : 'vp8' };
}

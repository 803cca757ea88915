// The codecs a browser's Media Source can play, in the words the server understands.

/**
 * Asked one by one. The H.264 entries stand for levels up to 4.1, 4.2 and 5.1.
 */
export const CANDIDATES = [
  'avc1.640029', 'avc1.64002A', 'avc1.640033', 'hvc1.1.6.L153.B0', 'av01.0.08M.08', 'vp09.00.40.08',
  'mp4a.40.2', 'mp4a.40.5', 'flac', 'opus',
];

/**
 * @param {(mime: string) => boolean} isTypeSupported
 * @returns {string} a comma list, most likely an `mse` message's value
 */
export function supportedCodecs(isTypeSupported) {
  return CANDIDATES.filter((codec) => isTypeSupported(`video/mp4; codecs="${codec}"`)).join(',');
}

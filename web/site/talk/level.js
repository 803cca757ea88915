// How loud sound is, for a meter. Pure.

/** Quieter than this is silence to the eye: -60 dBFS. */
const FLOOR_DBFS = -60;

/**
 * Root mean square of samples between -1 and 1, in dB below full scale; -Infinity for silence.
 * @param {Float32Array} samples
 */
export function dbfs(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return 10 * Math.log10(sum / Math.max(samples.length, 1));
}

/**
 * A level as a share of the meter, 0 to 1.
 * @param {number} level in dBFS
 */
export function meterShare(level) {
  return Math.min(Math.max(1 - level / FLOOR_DBFS, 0), 1);
}

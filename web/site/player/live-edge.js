// Keeps a buffered player near the newest frame: says where to seek, how fast to play and what to drop. Pure.
// Timestamps of a stream are absolute and large; nothing here assumes that they start near zero.

/** Distance to the newest frame that playback aims at: 0.5 s, a few frames of reserve for an uneven network. */
export const LAG_TARGET_S = 0.5;
/** Each stall adds a quarter of a second of reserve, up to 2 s: a bad network gets smooth before it gets quick. */
export const LAG_STEP_S = 0.25;
export const LAG_TARGET_MAX_S = 2;
/** Further behind than this over the target, playback jumps; below it, it catches up by playing faster. */
export const JUMP_OVER_S = 3;
/** Played media kept behind the position: 10 s. */
export const KEEP_BEHIND_S = 10;
/** Old media is dropped in pieces of at least 5 s, not with each frame. */
const DROP_PIECE_S = 5;
/** Fastest catch-up: 1.25 times; beyond that speech sounds hurried. */
const RATE_MAX = 1.25;
/** Lag over the target that is left alone, so that the rate is not nudged with each frame. */
const LAG_SLACK_S = 0.25;
/** Ranges and positions are compared with this tolerance: one frame at 20 fps. */
const EDGE_S = 0.05;

/**
 * @typedef {object} BufferState
 * @property {[number, number][]} ranges buffered, in order, seconds
 * @property {number} currentTime seconds
 * @property {boolean} paused
 * @property {number} lagTarget seconds
 *
 * @typedef {object} BufferPlan
 * @property {number | null} seekTo seconds
 * @property {number | null} dropBefore seconds
 * @property {number} rate
 * @property {number} lag seconds between the position and the newest frame
 */

/**
 * @param {BufferState} state
 * @returns {BufferPlan}
 */
export function planBuffer({ ranges, currentTime, paused, lagTarget }) {
  const first = ranges[0];
  const last = ranges.at(-1);
  if (!first || !last) return { seekTo: null, dropBefore: null, rate: 1, lag: 0 };

  const seekTo = paused ? null : seekTarget(ranges, last, currentTime, lagTarget);
  const position = seekTo ?? currentTime;
  const lag = Math.max(0, last[1] - position);
  const keepFrom = (paused ? last[1] : position) - KEEP_BEHIND_S;
  const dropBefore = keepFrom - first[0] >= DROP_PIECE_S ? keepFrom : null;
  return { seekTo, dropBefore, rate: catchUpRate(lag - lagTarget), lag };
}

/**
 * @param {[number, number][]} ranges
 * @param {[number, number]} last
 * @param {number} currentTime
 * @param {number} lagTarget
 */
function seekTarget(ranges, last, currentTime, lagTarget) {
  const inside = ranges.some(([start, end]) => currentTime >= start - EDGE_S && currentTime <= end + EDGE_S);
  if (!inside) {
    const next = ranges.find(([start]) => start > currentTime);
    if (next) return next[0];
    // Past everything: the stream's clock went back, or the buffer ran dry a moment ago (then wait).
    return currentTime - last[1] > 1 ? last[0] : null;
  }
  const behind = last[1] - currentTime;
  return behind > lagTarget + JUMP_OVER_S ? Math.max(last[0], last[1] - lagTarget) : null;
}

/** @param {number} excess seconds behind the target */
function catchUpRate(excess) {
  if (excess <= LAG_SLACK_S) return 1;
  return Math.min(RATE_MAX, Math.round((1 + excess * 0.15) * 100) / 100);
}

/**
 * The target after a stall.
 * @param {number} lagTarget
 */
export function lagTargetAfterStall(lagTarget) {
  return Math.min(LAG_TARGET_MAX_S, lagTarget + LAG_STEP_S);
}

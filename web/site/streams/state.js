// What the states of a stream are called and how grave they are. Pure.

/** @typedef {import('../control/types.js').State} State */

/** @type {Record<State, { text: string, tone: 'good' | 'busy' | 'calm' | 'bad' }>} */
const STATES = {
  live: { text: 'Live', tone: 'good' },
  idle: { text: 'Idle', tone: 'calm' },
  waiting: { text: 'Waiting', tone: 'calm' },
  connecting: { text: 'Connecting', tone: 'busy' },
  backoff: { text: 'Retrying', tone: 'busy' },
  gave_up: { text: 'Gave up', tone: 'bad' },
  removed: { text: 'Removed', tone: 'bad' },
};

/** What a state without a reason means. @type {Partial<Record<State, string>>} */
const MEANINGS = {
  idle: 'starts with its first viewer',
  waiting: 'nobody publishes to it yet',
  connecting: 'waiting for the first frame',
};

/** @param {State} state */
export function stateText(state) {
  return STATES[state]?.text ?? state;
}

/** @param {State} state */
export function stateTone(state) {
  return STATES[state]?.tone ?? 'calm';
}

/**
 * The reason the server gives, or what the state means by itself; empty for a live stream.
 * @param {State} state
 * @param {string | null} reason
 */
export function stateReason(state, reason) {
  return reason || (MEANINGS[state] ?? '');
}

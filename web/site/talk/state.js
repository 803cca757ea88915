// The talk button as values: what it does, what it shows, and what it wants done. Pure.

/**
 * `idle` → `asking` for the microphone when pressed → `opening` until the server takes the sound → `talking`, or `waiting`
 * first behind others. These three → `refused` when the server says no or the line is lost; `asking` → `no-microphone`
 * when the browser has none to give. These four → `idle` when the button is let go; `refused` and `no-microphone` →
 * `asking` when it is pressed again. `insecure` is final: this page cannot have a microphone.
 * @typedef {'idle' | 'asking' | 'opening' | 'waiting' | 'talking' | 'refused' | 'no-microphone' | 'insecure'} Phase
 *
 * @typedef {object} TalkState
 * @property {Phase} phase
 * @property {boolean} held the button is down
 * @property {boolean} latched it stays on without being held
 * @property {number} ahead for `waiting`: how many talk before
 * @property {string} why for `refused`, `no-microphone` and `insecure`: a sentence for people
 *
 * @typedef {{ type: 'press' }
 *   | { type: 'release' }
 *   | { type: 'latch', on: boolean }
 *   | { type: 'microphone' }
 *   | { type: 'no-microphone', why: string }
 *   | { type: 'open' }
 *   | { type: 'waiting', ahead: number }
 *   | { type: 'closed' }
 *   | { type: 'refused', why: string }
 *   | { type: 'free' }} TalkEvent `free`: whoever talked instead has ended
 *
 * @typedef {'ask' | 'send' | 'stop' | null} TalkDeed what to do after a change: ask for the microphone, send it, or stop
 */

/**
 * @param {string | null} insecure why this page cannot have a microphone, or null
 * @returns {TalkState}
 */
export function talkAtStart(insecure) {
  return { phase: insecure === null ? 'idle' : 'insecure', held: false, latched: false, ahead: 0, why: insecure ?? '' };
}

/**
 * @param {TalkState} state
 * @param {TalkEvent} event
 * @returns {TalkState}
 */
export function talkAfter(state, event) {
  const { phase } = state;
  if (phase === 'insecure') return state;
  switch (event.type) {
    // Pressing what is latched lets it go with the finger.
    case 'press':
      return wanted({ ...state, held: true, latched: false });
    case 'release':
      return wanted({ ...state, held: false });
    case 'latch':
      return wanted({ ...state, held: false, latched: event.on });
    case 'microphone':
      return phase === 'asking' ? { ...state, phase: 'opening' } : state;
    case 'no-microphone':
      return phase === 'asking' ? given(state, 'no-microphone', event.why) : state;
    case 'open':
      return isSending(phase) ? { ...state, phase: 'talking', ahead: 0 } : state;
    case 'waiting':
      return isSending(phase) ? { ...state, phase: 'waiting', ahead: event.ahead } : state;
    case 'closed':
      // The server heard nothing for a while, as of a muted microphone. With the next sound it opens again.
      return isSending(phase) ? { ...state, phase: 'opening' } : state;
    case 'free':
      return phase === 'refused' ? { ...state, phase: 'idle', why: '' } : state;
    case 'refused':
      return isSending(phase) ? given(state, 'refused', event.why) : state;
  }
}

/**
 * What a change asks for.
 * @param {TalkState} before
 * @param {TalkState} after
 * @returns {TalkDeed}
 */
export function deedAfter(before, after) {
  if (before.phase !== 'asking' && after.phase === 'asking') return 'ask';
  if (!isSending(before.phase) && isSending(after.phase)) return 'send';
  return isSending(before.phase) && !isSending(after.phase) ? 'stop' : null;
}

/** Whether the microphone's sound goes out. @param {Phase} phase */
export function isSending(phase) {
  return phase === 'opening' || phase === 'waiting' || phase === 'talking';
}

/** @param {TalkState} state @returns {TalkState} */
function wanted(state) {
  const { phase, held, latched } = state;
  if (held || latched) {
    return phase === 'asking' || isSending(phase) ? state : { ...state, phase: 'asking', why: '' };
  }
  // A reason stays until it is read, and the next press.
  return phase === 'asking' || isSending(phase) ? { ...state, phase: 'idle', why: '' } : state;
}

/**
 * @param {TalkState} state
 * @param {'refused' | 'no-microphone'} phase
 * @param {string} why
 * @returns {TalkState}
 */
function given(state, phase, why) {
  return { ...state, phase, held: false, latched: false, why };
}

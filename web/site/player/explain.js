// Says why a stream does not play, in the server's words where it has some.

import { getStream, ServerError, Unreachable } from '../control/client.js';
import { sentence } from '../format.js';
import { stateReason, stateText } from '../streams/state.js';

/**
 * @param {string} src
 * @param {string} reason what the player saw
 * @returns {Promise<string>}
 */
export async function explain(src, reason) {
  try {
    const stream = await getStream(src);
    if (stream.state === 'live' || stream.state === 'idle') return sentence(reason);
    const why = stateReason(stream.state, stream.reason);
    return sentence(`${stateText(stream.state)}${why ? `: ${why}` : ''}`);
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return `There is no stream called “${src}”.`;
    if (error instanceof Unreachable) return error.message;
    return sentence(reason);
  }
}

// What went wrong, in words that say what to do, and whether the page comes back by itself. Pure.

import { EXPIRED } from './token.js';
import { sentence } from '../format.js';

/**
 * How a try ended. `again`: the page tries again by itself. `askToken`: another token is needed.
 * @typedef {{ text: string, again: boolean, askToken: boolean }} Ending
 */

/** Ends of a connection with the code 4000, by how the reason begins. Source: docs/rooms.md, "How a connection ends". */
const FINAL = [
  { start: 'kicked: ', text: 'You were removed from the meeting' },
  { start: 'replaced: ', text: 'You joined from somewhere else with the same token, so this page was left. Close the other one, or ask for a token of your own' },
  { start: 'room closed: ', text: 'The meeting was ended' },
];

/**
 * @param {number} code of the WebSocket's end
 * @param {string} reason
 * @returns {Ending}
 */
export function closeEnding(code, reason) {
  if (code === 4000) {
    for (const { start, text } of FINAL) {
      if (!reason.startsWith(start)) continue;
      const why = reason.slice(start.length).trim();
      return { text: `${text}${why ? `: ${sentence(why)}` : '.'}`, again: false, askToken: false };
    }
    return refusalEnding(401, reason.replace(/^refused: /, ''));
  }
  if (code === 1013 && reason.startsWith('room full')) {
    return { text: 'The room is full. As soon as somebody leaves there is a place for you; this page tries again by itself.', again: true, askToken: false };
  }
  if (code === 1013) return { text: 'The server gave this connection up, since it was too slow. Trying again.', again: true, askToken: false };
  if (code === 1001) return { text: 'The server is restarting. This page comes back as soon as it does.', again: true, askToken: false };
  if (code === 1003 || code === 1007 || code === 1009) {
    return { text: `This page and the server do not understand each other (${reason || code}). Reload the page; if that does not help, report it.`, again: false, askToken: false };
  }
  return { text: 'The connection to the server was lost. Trying again.', again: true, askToken: false };
}

/**
 * A request that keeps us out was refused.
 * @param {number} code as in HTTP
 * @param {string} reason the server's sentence
 * @returns {Ending}
 */
export function refusalEnding(code, reason) {
  const why = reason ? sentence(reason) : '';
  if (/expired/i.test(reason)) return { text: EXPIRED, again: false, askToken: true };
  switch (code) {
    case 401:
      return { text: `The server needs a valid token. ${why} Paste it below, or open the link that you were given.`.replace('  ', ' '), again: false, askToken: true };
    case 403:
      return { text: `The token does not allow this. ${why} Ask whoever invited you for another one.`.replace('  ', ' '), again: false, askToken: true };
    case 404:
      return { text: 'This server has no meetings: rooms are off in its configuration (rooms.listen).', again: false, askToken: false };
    case 409:
      return { text: `${why || 'This identity is in the room already.'} Leave there first, or ask for a token of your own.`, again: false, askToken: false };
    case 429:
      return { text: /full/i.test(reason) ? closeEnding(1013, 'room full').text : `The server is at its limit. ${why} Trying again.`.replace('  ', ' '), again: true, askToken: false };
    case 503:
      return { text: 'The server is restarting. This page comes back as soon as it does.', again: true, askToken: false };
    default:
      return { text: why || `The server refused it (${code}).`, again: false, askToken: false };
  }
}

/**
 * What a refused action, such as sharing a screen, is told as; the meeting goes on.
 * @param {number} code
 * @param {string} reason
 */
export function actionText(code, reason) {
  if (code === 403) return `You may not do this here: ${sentence(reason || 'the token does not grant it')}`;
  return sentence(reason || `The server refused it (${code})`);
}

/**
 * A browser's refusal to capture, by what was asked for.
 * @param {'camera' | 'microphone' | 'screen'} what
 * @param {unknown} error
 */
export function captureText(what, error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return what === 'screen'
        ? 'The screen is not shared: nothing was chosen, or the system does not allow it.'
        : `The browser may not use the ${what}. Allow it with the sign in the address bar, then switch the ${what} on again.`;
    case 'NotFoundError':
      return what === 'screen' ? 'There is no screen to share.' : `There is no ${what} on this device. Plug one in, or join without.`;
    case 'NotReadableError':
    case 'AbortError':
      return `Another program is using the ${what}, or it failed. Close that program and switch the ${what} on again.`;
    case 'OverconstrainedError':
      return `The chosen ${what} is gone. Choose another one in the settings.`;
    default:
      return `The ${what} could not be opened: ${error instanceof Error ? sentence(error.message) : String(error)}`;
  }
}

/** Rooms have such names. Source: docs/rooms.md. @param {string} name */
export function roomProblem(name) {
  if (!name) return 'Which room? Its name is in your invitation.';
  return /^[A-Za-z0-9._-]{1,64}$/.test(name) ? null : 'A room’s name has 1 to 64 letters, digits, dots, hyphens and underscores, without spaces.';
}

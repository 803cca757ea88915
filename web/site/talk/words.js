// The talk button in words. Pure: time comes in as an argument.

import { sinceThen } from '../format.js';

/**
 * @typedef {import('./state.js').TalkState} TalkState
 * @typedef {import('../control/types.js').Stream} Stream
 * @typedef {import('../control/types.js').Output} Output
 */

/**
 * Why this page cannot have a microphone, or null. Browsers give it only to pages they hold safe: https, or http on the
 * machine itself.
 * @param {{ isSecureContext: boolean, hasDevices: boolean, host: string }} place
 */
export function talkProblem({ isSecureContext, hasDevices, host }) {
  if (!isSecureContext) {
    return `Browsers give a microphone only to HTTPS pages and to http://localhost. This page came from http://${host}: set api.tls_listen in the server's configuration and open it with https://, or open it as http://localhost on the server itself.`;
  }
  return hasDevices ? null : 'This browser has no access to microphones.';
}

/**
 * A browser's error in words that say what to do.
 * @param {unknown} error
 */
export function microphoneErrorText(error) {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
      return 'The browser was not allowed to use the microphone. Allow it in the address bar and try again.';
    case 'NotFoundError':
      return 'There is no microphone on this device.';
    case 'NotReadableError':
      return 'Another program is using the microphone.';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Who talks into a talk stream now: "webrtc from 192.0.2.7 (Firefox), for 12s"; null if nobody does.
 * @param {Stream | null} stream the talk stream
 * @param {number} nowMs
 */
export function whoTalks(stream, nowMs) {
  const publisher = stream?.publisher;
  if (!publisher) return null;
  const host = publisher.remote_addr.replace(/:\d+$/, '');
  const since = publisher.since ? `, for ${sinceThen(publisher.since, nowMs)}` : '';
  return `${publisher.protocol} from ${host}${since}`;
}

/**
 * Why the device of a talk stream does not say what is sent to it; '' while it does, or when there is none.
 * @param {Output | undefined} device
 */
export function deviceText(device) {
  switch (device?.state) {
    case 'connecting':
      return ', calling the device…';
    case 'backoff':
    case 'gave_up':
      return `, but the device does not take it: ${device.error ?? 'it ended the call'}`;
    default:
      return '';
  }
}

/**
 * The line beside the button. Somebody else's talking is worth a word before the button is pressed.
 * @param {TalkState} state
 * @param {string | null} other who talks, when it is somebody else
 * @param {Output} [device]
 */
export function talkText(state, other, device) {
  switch (state.phase) {
    case 'idle':
      return other ? `Somebody talks: ${other}` : '';
    case 'asking':
      return 'Allow the microphone…';
    case 'opening':
      return 'Opening…';
    case 'waiting':
      return state.ahead === 1 ? 'Waiting: one talks before you' : `Waiting: ${state.ahead} talk before you`;
    case 'talking':
      return `Talking${deviceText(device)}${state.latched ? '. Press to stop.' : ''}`;
    case 'refused':
      return other ? `Not now, somebody talks: ${other}` : `Not now: ${state.why}`;
    case 'no-microphone':
    case 'insecure':
      return state.why;
  }
}

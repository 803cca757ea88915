// Every address under which a stream can be read or published. Pure.

import { protocolName } from '../format.js';

/**
 * @typedef {import('../control/types.js').Info} Info
 * @typedef {import('../control/types.js').ListenerName} ListenerName
 *
 * @typedef {object} Address
 * @property {string} id
 * @property {string} label
 * @property {string} hint what it is good for
 * @property {string | null} url null if the listener is off
 */

/**
 * Splits "127.0.0.1:8554" or "[::]:8554".
 * @param {string} listener
 */
export function splitListener(listener) {
  const at = listener.lastIndexOf(':');
  return { host: listener.slice(0, at).replace(/^\[|\]$/g, ''), port: listener.slice(at + 1) };
}

/**
 * Whether only programs on the server's own machine can reach this listener.
 * @param {string} listener
 */
export function onlyLocal(listener) {
  const { host } = splitListener(listener);
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/**
 * The beginning of an address, seen from whoever opened the page: its host, the listener's port.
 * @param {string} scheme
 * @param {string} listener
 * @param {string} pageHost as in `location.hostname`
 */
function origin(scheme, listener, pageHost) {
  const { host, port } = splitListener(listener);
  const everywhere = host === '' || host === '0.0.0.0' || host === '::';
  const name = everywhere || onlyLocal(listener) ? pageHost : host;
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  return `${scheme}://${bracketed}:${port}`;
}

/**
 * A stream's name in a path: "door/talk" keeps its slash.
 * @param {string} name
 */
export function namePath(name) {
  return name.split('/').map(encodeURIComponent).join('/');
}

/**
 * @param {Info | null} info null while it is not known: then only what this page's own address gives
 * @param {ListenerName} listener
 * @param {string} name
 * @param {URL} base
 */
function listenerUrl(info, listener, name, base) {
  const bound = info?.listeners[listener];
  return bound ? `${origin(listener, bound, base.hostname)}/${namePath(name)}` : null;
}

/**
 * @param {string} name
 * @param {Info | null} info
 * @param {URL} base where the page lives, with a slash at the end
 * @returns {Address[]}
 */
export function watchAddresses(name, info, base) {
  const query = encodeURIComponent(name);
  const http = (/** @type {string} */ path) => new URL(`${path}?src=${query}`, base).href;
  const socket = (/** @type {string} */ path) => http(path).replace(/^http/, 'ws');
  return [
    { id: 'player', label: 'Web player', hint: 'Any browser: WebRTC, else MSE', url: http('player.html') },
    { id: 'mse', label: 'Web player, MSE only', hint: 'Where UDP is blocked', url: `${http('player.html')}&mode=mse` },
    { id: 'whep', label: 'WHEP', hint: 'WebRTC players, OBS, GStreamer', url: http('api/webrtc') },
    { id: 'rtsp', label: 'RTSP', hint: 'VLC, ffmpeg, recorders', url: listenerUrl(info, 'rtsp', name, base) },
    { id: 'rtsps', label: 'RTSPS', hint: 'RTSP over TLS', url: listenerUrl(info, 'rtsps', name, base) },
    { id: 'rtmp', label: 'RTMP', hint: 'VLC, ffmpeg, restreaming', url: listenerUrl(info, 'rtmp', name, base) },
    { id: 'flv', label: 'HTTP-FLV', hint: 'VLC, flv.js, passes firewalls', url: http('api/stream.flv') },
    { id: 'ws-flv', label: 'WebSocket-FLV', hint: 'flv.js and relatives', url: socket('api/stream.flv') },
    { id: 'mp4', label: 'Fragmented MP4', hint: 'Browsers, curl, ffmpeg', url: http('api/stream.mp4') },
    { id: 'frame', label: 'One frame (MP4)', hint: 'The newest key frame', url: http('api/frame.mp4') },
    { id: 'ws', label: 'Signalling WebSocket', hint: 'For your own player: WebRTC and MSE', url: socket('api/ws') },
  ];
}

/**
 * @param {string} name
 * @param {Info | null} info
 * @param {URL} base
 * @returns {Address[]}
 */
export function publishAddresses(name, info, base) {
  const query = encodeURIComponent(name);
  return [
    { id: 'page', label: 'Web page', hint: 'Camera or screen of any browser', url: new URL(`publish.html?dst=${query}`, base).href },
    { id: 'rtmp', label: 'RTMP', hint: 'OBS, ffmpeg, encoders', url: listenerUrl(info, 'rtmp', name, base) },
    { id: 'rtsp', label: 'RTSP', hint: 'ffmpeg, GStreamer', url: listenerUrl(info, 'rtsp', name, base) },
    { id: 'whip', label: 'WHIP', hint: 'OBS 30 and later, GStreamer', url: new URL(`api/webrtc?dst=${query}`, base).href },
  ];
}

/**
 * Listeners that this page's visitor cannot use, because they listen on the server's loopback only.
 * @param {Info | null} info
 * @param {string} pageHost
 * @returns {string[]} names as people write them: RTSP
 */
export function unreachableListeners(info, pageHost) {
  if (!info || ['localhost', '127.0.0.1', '[::1]', '::1'].includes(pageHost)) return [];
  return Object.entries(info.listeners)
    .filter(([name, bound]) => name !== 'http' && bound && onlyLocal(bound))
    .map(([name]) => protocolName(name));
}

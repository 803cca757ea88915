// Checks the add form before the server does, with the same rules for names (media::StreamName). Pure.

/** Longest stream name in UTF-8 bytes, as in the server. */
const NAME_BYTES_MAX = 255;

/** Schemes with a word on how their addresses look. The server knows more; unknown ones are left to it. */
export const SCHEMES = [
  { scheme: 'rtsp', title: 'RTSP', example: 'rtsp://user:password@192.168.1.20:554/stream1', hint: 'IP cameras and recorders. rtsps:// for TLS.' },
  { scheme: 'rtmp', title: 'RTMP', example: 'rtmp://example.org/live/key', hint: 'Encoders and streaming servers. rtmps:// for TLS.' },
  { scheme: 'http', title: 'HTTP-FLV', example: 'http://example.org/live/cam.flv', hint: 'FLV over HTTP or HTTPS.' },
  { scheme: 'file', title: 'File', example: 'file:///media/clip.mp4', hint: 'A file on the server, played in a loop.' },
];

/**
 * @param {string} name
 * @param {string[]} taken
 * @returns {string | null} what is wrong, or null
 */
export function nameProblem(name, taken = []) {
  if (name === '') return 'Give the stream a name.';
  if (name !== name.trim()) return 'The name must not begin or end with a space.';
  const size = new TextEncoder().encode(name).length;
  if (size > NAME_BYTES_MAX) return `The name is too long: ${size} bytes, at most ${NAME_BYTES_MAX} fit.`;
  const bad = /[\u0000-\u001f\u007f-\u009f?#\\]/.exec(name)?.[0];
  if (bad) return /[?#\\]/.test(bad) ? `The name must not contain ${bad}` : 'The name must not contain control characters.';
  if (name.split('/').some((part) => ['', '.', '..'].includes(part))) return 'Between slashes there must be a word other than . and ..';
  if (taken.includes(name)) return 'There is a stream with this name already.';
  return null;
}

/**
 * @param {string} url
 * @returns {string | null} what is wrong, or null
 */
export function sourceProblem(url) {
  if (url.trim() === '') return 'Give an address.';
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (!scheme) return 'Begin with a scheme, for example rtsp://';
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    return SCHEMES.some((known) => known.scheme === scheme) ? `Write two slashes: ${scheme}://` : null;
  }
  if (/\s/.test(url.trim())) return 'An address has no spaces; write %20 for one.';
  if (['rtsp', 'rtsps', 'rtmp', 'rtmps', 'http', 'https'].includes(scheme)) {
    if (!URL.canParse(url.trim().replace(/^[a-z]+/i, 'http'))) return 'After the scheme comes a host, for example 192.168.1.20';
  }
  if (scheme === 'file' && !/^file:\/\/\/./i.test(url)) return 'A file needs its whole path: file:///media/clip.mp4';
  return null;
}

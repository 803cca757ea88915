// What the page needs to know of a session description. Source: RFC 8866 §5.14, RFC 3264 §6. Pure.

/**
 * The kinds of media that the answering side will send: sections with a port and a sending direction.
 * @param {string} sdp an answer
 * @returns {Set<string>}
 */
export function sentKinds(sdp) {
  /** @type {Set<string>} */
  const kinds = new Set();
  const [session = '', ...sections] = sdp.split(/^m=/m);
  const sessionSends = sends(session) ?? true;
  for (const section of sections) {
    const [kind, port] = section.split(/\s+/, 2);
    if (kind && port !== '0' && (sends(section) ?? sessionSends)) kinds.add(kind);
  }
  return kinds;
}

/**
 * @param {string} section
 * @returns {boolean | null} null if the section does not say
 */
function sends(section) {
  const direction = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(section)?.[1];
  return direction ? direction === 'sendrecv' || direction === 'sendonly' : null;
}

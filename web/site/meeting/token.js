// What a token says of itself, to fill in the form and to say early that it is too old. Whether it is true only the server
// knows. Pure. Source: RFC 7519; docs/rooms.md, "Tokens".

/** How long the server lets a token be too old: 30 s. Source: docs/rooms.md. */
const LEEWAY_MS = 30_000;

/** @typedef {{ identity: string, name: string, room: string, expiresMs: number | null }} TokenFacts room is "" if any will do */

/**
 * @param {string} token
 * @returns {TokenFacts | null} null if it is no token at all
 */
export function readToken(token) {
  const parts = token.trim().split('.');
  if (parts.length !== 3) return null;
  try {
    const base64 = (parts[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims !== 'object' || claims === null) return null;
    const room = text(claims.grants?.room);
    return {
      identity: text(claims.sub),
      name: text(claims.name),
      room: room === '*' ? '' : room,
      expiresMs: typeof claims.exp === 'number' ? claims.exp * 1000 : null,
    };
  } catch {
    return null;
  }
}

/** @param {unknown} value */
function text(value) {
  return typeof value === 'string' ? value : '';
}

/**
 * What keeps this token from being tried at all, or null.
 * @param {string} token
 * @param {number} nowMs
 */
export function tokenProblem(token, nowMs) {
  if (!token.trim()) return null;
  const facts = readToken(token);
  if (!facts) return 'This is no token: it has three parts with dots between them. Copy all of it.';
  if (facts.expiresMs !== null && facts.expiresMs + LEEWAY_MS < nowMs) return EXPIRED;
  return null;
}

/** The same sentence wherever it is noticed. */
export const EXPIRED = 'The token has expired. Ask whoever invited you for a new link.';

/**
 * The token out of an address's fragment, `#token=…` or just `#…`; "" if there is none.
 * @param {string} fragment with or without its #
 */
export function tokenInFragment(fragment) {
  const plain = fragment.replace(/^#/, '');
  const named = new URLSearchParams(plain).get('token');
  return named ?? (readToken(plain) ? plain : '');
}

/**
 * Whether a grant to publish covers a source. Source: docs/rooms.md, "Tokens".
 * @param {unknown} publish true, or lists of what is allowed; a missing list allows all
 * @param {'audio' | 'video'} kind
 * @param {string} source
 */
export function mayPublish(publish, kind, source) {
  if (typeof publish !== 'object' || publish === null) return publish === true;
  const { kinds, sources } = /** @type {{ kinds?: unknown, sources?: unknown }} */ (publish);
  return (!Array.isArray(kinds) || kinds.includes(kind)) && (!Array.isArray(sources) || sources.includes(source));
}

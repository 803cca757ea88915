// The HTTP exchange that WHEP and WHIP share: an offer is posted, the answer comes with the address of the session,
// which is deleted at the end. Source: RFC 9725 §4.2; draft-ietf-wish-whep §4.

import { request } from './control/client.js';

/**
 * @param {URL} endpoint
 * @param {string} sdp
 * @returns {Promise<{ answer: string, session: URL | null }>} session is null if the server names none
 */
export async function postOffer(endpoint, sdp) {
  const headers = { 'Content-Type': 'application/sdp' };
  const response = await request(endpoint, { method: 'POST', headers, body: sdp });
  const location = response.headers.get('Location');
  return { answer: await response.text(), session: location ? new URL(location, endpoint) : null };
}

/** The server answers a DELETE within milliseconds; after 1 s nobody waits for it. */
const DELETE_WAIT_MS = 1_000;

/**
 * Ends the session; works while the page is being left. Resolves when the server has heard it, or is not going to: only
 * then is the connection itself closed, since a server that hears of that first no longer knows the session, and the
 * browser logs its 404.
 * @param {URL | null} session
 * @returns {Promise<void>}
 */
export async function deleteSession(session) {
  if (!session) return;
  const heard = fetch(session, { method: 'DELETE', keepalive: true }).catch(() => {});
  await Promise.race([heard, new Promise((done) => setTimeout(done, DELETE_WAIT_MS))]);
}

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

/**
 * Ends the session; works while the page is being left. Nobody waits for the answer.
 * @param {URL | null} session
 */
export function deleteSession(session) {
  if (session) fetch(session, { method: 'DELETE', keepalive: true }).catch(() => {});
}

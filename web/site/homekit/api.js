// `api/v1/homekit` as functions.

import { apiUrl, request } from '../control/client.js';

/**
 * @typedef {object} Accessory a stream of ours in Apple’s Home
 * @property {string} name below `homekit` in the configuration
 * @property {string} title
 * @property {string} id
 * @property {string} address
 * @property {string[]} streams
 * @property {number} controllers
 * @property {number} connections
 * @property {number} views
 * @property {{ pin: string, uri: string }} [setup] while it is not paired
 */

/**
 * @typedef {object} Device an accessory that was found on the network
 * @property {string} id
 * @property {string} name
 * @property {string} model
 * @property {string} category
 * @property {string[]} addresses
 * @property {boolean} paired
 */

/**
 * @typedef {object} Pairing an accessory that trusts this server
 * @property {string} id
 * @property {string} name
 * @property {string} model
 * @property {string | null} address
 * @property {string[]} streams
 */

/** Pairing takes this long at most: 30 s. A camera computes for some seconds. */
const PAIR_WAIT_MS = 30_000;

/** @returns {Promise<Accessory[]>} */
export async function listAccessories() {
  return (await (await request(apiUrl('v1/homekit/accessories'))).json()).accessories ?? [];
}

/** @returns {Promise<Device[]>} */
export async function listDevices() {
  return (await (await request(apiUrl('v1/homekit/devices'))).json()).devices ?? [];
}

/** @returns {Promise<Pairing[]>} */
export async function listPairings() {
  return (await (await request(apiUrl('v1/homekit/pairings'))).json()).pairings ?? [];
}

/** The picture of the code to scan. @param {string} name */
export function codeUrl(name) {
  return apiUrl(`v1/homekit/accessories/${encodeURIComponent(name)}/code.svg`);
}

/** @param {string} name */
export async function forgetControllers(name) {
  await request(apiUrl(`v1/homekit/accessories/${encodeURIComponent(name)}/controllers`), { method: 'DELETE' });
}

/** @param {{ id?: string, address?: string, pin: string, stream: string }} wish */
export async function pair(wish) {
  const signal = AbortSignal.timeout(PAIR_WAIT_MS);
  await request(apiUrl('v1/homekit/pairings'), { method: 'POST', body: JSON.stringify(wish), signal });
}

/** @param {string} id @param {boolean} forget also when it cannot be reached */
export async function unpair(id, forget) {
  const query = forget ? { forget: '1' } : undefined;
  await request(apiUrl(`v1/homekit/pairings/${encodeURIComponent(id)}`, query), { method: 'DELETE' });
}

// The server's HTTP API as functions. Every address is relative to this file, so that a base path works.

/**
 * @typedef {import('./types.js').Stream} Stream
 * @typedef {import('./types.js').Info} Info
 */

/** Where the API lives, whatever path the page is served under: `…/api/`. */
export const API_BASE = new URL('../api/', import.meta.url);

/** Longest wait for an answer: 8 s. The server answers from memory; only a dead network takes longer. */
const REPLY_TIMEOUT_MS = 8_000;

/** The server said no; `message` is its own sentence. */
export class ServerError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = 'ServerError';
    this.status = status;
  }
}

/** No answer at all: the server is down, or the network is. */
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer.');
    this.name = 'Unreachable';
  }
}

/**
 * @param {string} path relative to `api/`
 * @param {Record<string, string | string[]>} [query] a list becomes a repeated parameter
 */
export function apiUrl(path, query = {}) {
  const url = new URL(path, API_BASE);
  for (const [key, value] of Object.entries(query)) {
    for (const one of [value].flat()) url.searchParams.append(key, one);
  }
  return url;
}

/**
 * The same address for a WebSocket: ws for http, wss for https.
 * @param {string} path
 * @param {Record<string, string | string[]>} [query]
 */
export function socketUrl(path, query) {
  const url = apiUrl(path, query);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

/**
 * One request; a refusal becomes a {@link ServerError} with the server's text, silence becomes {@link Unreachable}.
 * @param {URL} url
 * @param {RequestInit} [init]
 */
export async function request(url, init = {}) {
  let response;
  try {
    response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(REPLY_TIMEOUT_MS), ...init });
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) {
    const text = (await response.text().catch(() => '')).trim();
    throw new ServerError(response.status, text || `The server answered ${response.status} ${response.statusText}`.trim());
  }
  return response;
}

/** @returns {Promise<Stream[]>} */
export async function listStreams() {
  const body = await (await request(apiUrl('v1/streams'))).json();
  return body.streams ?? [];
}

/**
 * @param {string} name
 * @returns {Promise<Stream>}
 */
export async function getStream(name) {
  return (await request(apiUrl(`v1/streams/${encodeURIComponent(name)}`))).json();
}

/** @returns {Promise<Info>} */
export async function getInfo() {
  return (await request(apiUrl('v1/info'))).json();
}

/**
 * @param {string} name
 * @param {string[]} sources
 */
export async function addStream(name, sources) {
  await request(apiUrl('streams', { name, src: sources }), { method: 'PUT' });
}

/** @param {string} name */
export async function removeStream(name) {
  await request(apiUrl('streams', { src: name }), { method: 'DELETE' });
}

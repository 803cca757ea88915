// What the HomeKit page says, in words; no DOM.

/**
 * @typedef {import('./api.js').Accessory} Accessory
 * @typedef {import('./api.js').Device} Device
 * @typedef {import('./api.js').Pairing} Pairing
 */

/** @param {number} count @param {string} one @param {string} many */
const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

/** How an accessory of ours is. @param {Accessory} accessory */
export function stateOf({ controllers, connections, views }) {
  if (controllers === 0) return 'Not paired yet';
  const parts = [`Paired with ${counted(controllers, 'controller', 'controllers')}`];
  if (connections > 0) parts.push(`${connections} connected`);
  if (views > 0) parts.push(`${counted(views, 'view', 'views')}`);
  return parts.join(' · ');
}

/**
 * The list of cameras: those that trust this server first, then those that are free, then those of others. A camera that
 * is paired and not found on the network is there all the same.
 * @param {Device[]} devices
 * @param {Pairing[]} pairings
 * @returns {Camera[]}
 */
export function camerasOf(devices, pairings) {
  const ours = pairings.map((pairing) => {
    const found = devices.find((device) => sameId(device.id, pairing.id));
    return { ...pairing, state: /** @type {const} */ ('ours'), found: found !== undefined };
  });
  const others = devices
    .filter((device) => !pairings.some((pairing) => sameId(device.id, pairing.id)))
    .map(({ id, name, model, category, addresses, paired }) => ({
      id,
      name,
      model,
      address: addresses[0] ?? null,
      streams: [],
      state: paired ? /** @type {const} */ ('taken') : /** @type {const} */ ('free'),
      found: true,
      camera: category === 'camera' || category === 'doorbell' || category === 'bridge',
    }));
  const rank = (/** @type {Camera} */ one) => (one.state === 'ours' ? 0 : one.state === 'free' ? 1 : 2);
  /** @type {Camera[]} */
  const all = [...ours, ...others.filter((one) => one.camera).map(({ camera, ...one }) => one)];
  return all.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/**
 * @typedef {object} Camera
 * @property {string} id
 * @property {string} name
 * @property {string} model
 * @property {string | null} address
 * @property {string[]} streams
 * @property {'ours' | 'free' | 'taken'} state
 * @property {boolean} found
 */

/** What a camera’s line says below its name. @param {Camera} camera */
export function cameraWords({ state, model, address, streams, found }) {
  const where = [model, address].filter(Boolean).join(' · ');
  if (state === 'free') return `${where} · can be paired`;
  if (state === 'taken') return `${where} · paired with somebody else: remove it there, or reset it`;
  const shown = streams.length > 0 ? `shown by ${streams.join(', ')}` : 'no stream shows it';
  return `${where} · ${shown}${found ? '' : ' · not found on the network now'}`;
}

/** What is wrong with a pin, or null. @param {string} text */
export function pinProblem(text) {
  const digits = text.replace(/[-\s]/g, '');
  if (/^\d{8}$/.test(digits)) return null;
  return digits === '' ? 'The pin is on the device, or on its box' : 'A pin has eight digits, as in 123-45-678';
}

/** As the server wants it. @param {string} text */
export function pinOf(text) {
  const digits = text.replace(/[-\s]/g, '');
  return `${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)}`;
}

/** What is wrong with an address, or null. @param {string} text */
export function addressProblem(text) {
  return /^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/.test(text.trim()) ? null : 'An address is HOST:PORT, as in 192.168.1.20:51826';
}

/** A stream’s name made of a camera’s. @param {string} name */
export function streamNameOf(name) {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\w]+/g, '-').replace(/^-+|-+$/g, '');
  return plain.toLowerCase() || 'camera';
}

/** @param {string} a @param {string} b */
function sameId(a, b) {
  return a.toUpperCase() === b.toUpperCase();
}

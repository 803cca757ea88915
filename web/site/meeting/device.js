// mediasoup-client, with types: the vendored file has none.

import { Device as Untyped } from '../vendor/mediasoup-client.js';

/** Knows what this browser can send and receive. */
export const Device = /** @type {import('../../mediasoup-client.js').DeviceFactory} */ (/** @type {unknown} */ (Untyped));

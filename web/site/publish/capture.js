// Camera, microphone and screen of this browser, and words for what can go wrong with them.

/** @typedef {'camera' | 'screen' | 'microphone'} Picture */

/**
 * Why this page cannot ask for a camera at all, or null.
 * Browsers give cameras only to pages they hold safe: https, or http on the machine itself.
 * @param {{ isSecureContext: boolean, hasDevices: boolean, host: string }} place
 */
export function captureProblem({ isSecureContext, hasDevices, host }) {
  if (!isSecureContext) {
    return `Browsers give camera and microphone only to HTTPS pages and to localhost. This page came from http://${host}. Open it as http://localhost on the server itself, or put HTTPS in front of the server.`;
  }
  return hasDevices ? null : 'This browser has no access to cameras.';
}

/**
 * @param {Picture} picture
 * @param {{ camera: string, microphone: string, sound: boolean }} choice device ids, "" for the usual one
 * @returns {Promise<MediaStream>}
 */
export async function capture(picture, { camera, microphone, sound }) {
  const exact = (/** @type {string} */ id) => (id ? { deviceId: { exact: id } } : {});
  const audio = sound && { ...exact(microphone), echoCancellation: true };
  if (picture === 'screen') return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 30 }, audio: sound });
  const video = picture === 'camera' && { ...exact(camera), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  return navigator.mediaDevices.getUserMedia({ video, audio: picture === 'microphone' ? audio || true : audio });
}

/**
 * A browser's error in words that say what to do.
 * @param {unknown} error
 */
export function captureErrorText(error) {
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return 'The browser was not allowed to use it. Allow it in the address bar and try again.';
    case 'NotFoundError':
      return 'There is no such camera or microphone on this device.';
    case 'NotReadableError':
      return 'Another program is using the camera or microphone.';
    case 'OverconstrainedError':
      return 'The chosen device is gone. Choose another one.';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

/**
 * @param {MediaDeviceKind} kind
 * @returns {Promise<{ id: string, label: string }[]>} labels are empty until the user has allowed a capture
 */
export async function devices(kind) {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all
    .filter((device) => device.kind === kind && device.deviceId)
    .map(({ deviceId, label }, at) => ({ id: deviceId, label: label || `${kind === 'videoinput' ? 'Camera' : 'Microphone'} ${at + 1}` }));
}

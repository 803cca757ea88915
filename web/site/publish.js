// publish.html?dst=name: sends this browser's camera, screen or microphone to the server.
// `idle` → `starting` → `live` → `idle`; the buttons and fields show which.

import { bitrate, codecName } from './format.js';
import { Meter } from './player/meter.js';
import { capture, captureErrorText, captureProblem, devices } from './publish/capture.js';
import { WhipPublisher } from './publish/whip.js';
import { ServerError, Unreachable } from './control/client.js';
import { nameProblem } from './streams/validate.js';
import { announce, byId, el, pageParameter, setText } from './ui/dom.js';
import { startPage } from './ui/page.js';

/** @typedef {import('./publish/capture.js').Picture} Picture */

const SAMPLE_MS = 1_000;

const form = byId('publish', HTMLFormElement);
const name = byId('name', HTMLInputElement);
const camera = byId('camera', HTMLSelectElement);
const microphone = byId('microphone', HTMLSelectElement);
const sound = byId('sound', HTMLInputElement);
const fields = byId('fields', HTMLFieldSetElement);
const button = byId('go', HTMLButtonElement);
const error = byId('error', HTMLElement);
const status = byId('status', HTMLElement);
const watch = byId('watch', HTMLAnchorElement);
const preview = byId('preview', HTMLVideoElement);

/** @type {{ media: MediaStream, publisher: WhipPublisher, sampler: ReturnType<typeof setInterval> } | null} */
let live = null;

startPage();
name.value = pageParameter('dst');
const problem = captureProblem({ isSecureContext, hasDevices: !!navigator.mediaDevices, host: location.host });
if (problem) {
  byId('insecure', HTMLElement).hidden = false;
  setText(byId('insecure-text', HTMLElement), problem);
  button.disabled = true;
} else {
  void listDevices();
  navigator.mediaDevices.addEventListener('devicechange', listDevices);
}
form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (live) stop('Stopped.');
  else void start();
});
addEventListener('pagehide', () => live?.publisher.close());

async function start() {
  setText(error, nameProblem(name.value) ?? '');
  if (error.textContent) {
    name.focus();
    return;
  }
  setBusy(true);
  /** @type {MediaStream | null} */
  let media = null;
  try {
    media = await capture(chosenPicture(), { camera: camera.value, microphone: microphone.value, sound: sound.checked });
    preview.srcObject = media;
    const publisher = new WhipPublisher(media, stop);
    await publisher.publish(name.value).catch((failure) => {
      publisher.close();
      throw failure;
    });
    live = { media, publisher, sampler: startSampler(publisher) };
    // The browser's own "stop sharing" ends a track without asking us.
    for (const track of media.getTracks()) track.addEventListener('ended', () => stop('The device stopped.'));
    showLive();
    void listDevices();
  } catch (failure) {
    media?.getTracks().forEach((track) => track.stop());
    preview.srcObject = null;
    const ours = failure instanceof ServerError || failure instanceof Unreachable;
    setText(error, ours ? failure.message : captureErrorText(failure));
    setBusy(false);
  }
}

/** @param {string} reason */
function stop(reason) {
  if (!live) return;
  const { media, publisher, sampler } = live;
  live = null;
  clearInterval(sampler);
  publisher.close();
  media.getTracks().forEach((track) => track.stop());
  preview.srcObject = null;
  watch.hidden = true;
  setText(status, reason);
  announce(reason);
  setBusy(false);
}

function showLive() {
  button.disabled = false;
  button.className = 'button button-danger';
  setText(button, 'Stop');
  watch.hidden = false;
  watch.href = `player.html?src=${encodeURIComponent(name.value)}`;
  setText(status, 'Live');
  announce(`Publishing as ${name.value}.`);
}

/** @param {boolean} busy */
function setBusy(busy) {
  fields.disabled = busy;
  button.disabled = busy;
  button.className = 'button button-primary';
  setText(button, busy ? 'Starting…' : 'Start publishing');
}

/** @param {WhipPublisher} publisher */
function startSampler(publisher) {
  const meter = new Meter();
  return setInterval(async () => {
    const sent = await publisher.sent().catch(() => null);
    if (!sent || !live) return;
    meter.handleSample({ ...sent, freezes: 0, latencyMs: null }, performance.now());
    const { fps, bitrate: rate } = meter.rates();
    const parts = [
      'Live',
      bitrate(rate),
      sent.codec && codecName(sent.codec),
      sent.width > 0 && `${sent.width}×${sent.height}`,
      fps !== null && sent.width > 0 && `${Math.round(fps)} fps`,
    ];
    setText(status, parts.filter(Boolean).join(' · '));
  }, SAMPLE_MS);
}

/** @returns {Picture} */
function chosenPicture() {
  const value = new FormData(form).get('picture');
  return value === 'screen' || value === 'microphone' ? value : 'camera';
}

async function listDevices() {
  fill(camera, await devices('videoinput'));
  fill(microphone, await devices('audioinput'));
}

/**
 * @param {HTMLSelectElement} select
 * @param {{ id: string, label: string }[]} choices
 */
function fill(select, choices) {
  const chosen = select.value;
  select.replaceChildren(el('option', { value: '' }, 'The usual one'), ...choices.map(({ id, label }) => el('option', { value: id }, label)));
  if (choices.some(({ id }) => id === chosen)) select.value = chosen;
}

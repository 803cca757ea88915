// homekit.html: streams in Apple’s Home, and HomeKit cameras as streams.

import { listAccessories, listDevices, listPairings } from './homekit/api.js';
import { showCameras } from './homekit/cameras.js';
import { showOurs } from './homekit/ours.js';
import { openPairDialog } from './homekit/pair-dialog.js';
import { camerasOf } from './homekit/words.js';
import { listStreams } from './control/client.js';
import { announce, byId } from './ui/dom.js';
import { startPage } from './ui/page.js';

/** Somebody pairs with a phone while the page is open: it is asked every 3 s. */
const OURS_MS = 3_000;

const ours = byId('ours', HTMLElement);
const cameras = byId('cameras', HTMLElement);
const problem = byId('problem', HTMLElement);
/** What is shown of ours: drawn anew only when it is another, so that a code does not flicker while it is scanned. */
let shown = '';

startPage();
byId('pair', HTMLButtonElement).addEventListener('click', () => openPair(null));
setInterval(refreshOurs, OURS_MS);
void refreshOurs();
void refreshCameras();

async function refreshOurs() {
  await attempt(async () => {
    const accessories = await listAccessories();
    const now = JSON.stringify(accessories);
    if (now === shown) return;
    shown = now;
    showOurs(ours, accessories, refreshOurs);
  });
}

async function refreshCameras() {
  await attempt(async () => {
    const [devices, pairings] = await Promise.all([listDevices(), listPairings()]);
    showCameras(cameras, camerasOf(devices, pairings), { onPair: openPair, onChanged: refreshCameras });
  });
}

/** @param {import('./homekit/words.js').Camera | null} camera */
async function openPair(camera) {
  await attempt(async () => {
    const taken = (await listStreams()).map(({ name }) => name);
    const onPaired = (/** @type {string} */ stream) => {
      announce(`Paired: the stream is ${stream}`);
      void refreshCameras();
    };
    openPairDialog({ camera, taken, onPaired });
  });
}

/** What fails is said at the top of the page until something works. @param {() => Promise<void>} act */
async function attempt(act) {
  try {
    await act();
    problem.hidden = true;
  } catch (failure) {
    problem.textContent = failure instanceof Error ? failure.message : String(failure);
    problem.hidden = false;
  }
}

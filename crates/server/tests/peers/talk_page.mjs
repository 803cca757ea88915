// What the scripts about talking share: a page with a microphone that says a tone, and what is to be seen there.
//
// The microphone is an oscillator: Chromium's noise suppression would take a tone for noise.

import { hear, sleep } from './browser.mjs';

/** Runs in the page before it does: a microphone that says a tone, and a look at what the page does with it. */
function tonalMicrophone({ frequency, amplitude }) {
  window.asked = [];
  window.tracks = [];
  window.connections = [];
  if (navigator.mediaDevices) {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      window.asked.push(constraints);
      const context = new AudioContext({ sampleRate: 48000 });
      const tone = new OscillatorNode(context, { frequency });
      const gain = new GainNode(context, { gain: amplitude });
      const microphone = context.createMediaStreamDestination();
      tone.connect(gain).connect(microphone);
      tone.start();
      window.tracks.push(...microphone.stream.getTracks());
      // Another pitch from now on; says when "now" was. The next block of samples has it.
      window.say = (hz) => {
        const now = performance.timeOrigin + performance.now();
        tone.frequency.value = hz;
        return now;
      };
      return microphone.stream;
    };
  }
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...given) {
      super(...given);
      window.connections.push(this);
    }
  };
}

/** What came in as sound, all connections together: bytes, energy, samples, and those of them that were made up. */
export async function soundIn() {
  const sound = { bytes: 0, energy: 0, samples: 0, concealed: 0 };
  for (const connection of window.connections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp' || report.kind !== 'audio') continue;
      sound.bytes += report.bytesReceived;
      sound.energy += report.totalAudioEnergy;
      sound.samples += report.totalSamplesReceived;
      sound.concealed += report.concealedSamples;
    }
  }
  return sound;
}

export const shown = (page) =>
  page.evaluate(() => {
    const group = document.querySelector('.player-talk');
    const hold = group.querySelector('.talk-hold');
    return {
      phase: group.dataset.phase,
      text: group.querySelector('.talk-text').textContent,
      label: hold.getAttribute('aria-label'),
      pressed: hold.getAttribute('aria-pressed'),
      level: Number(hold.style.getPropertyValue('--level')),
    };
  });

export const phase = (page, wanted) =>
  page.waitForFunction((text) => document.querySelector('.player-talk')?.dataset.phase === text, wanted, { timeout: 8_000 });

/** How large the windows are. */
const DESKTOP = { viewport: { width: 960, height: 720 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Opens a player page in a window of its own, and waits for its picture and its talk button. */
export async function open(browser, url, settings, complaints, device = DESKTOP) {
  const page = await (await browser.newContext(device)).newPage();
  hear(page, complaints);
  await page.addInitScript(tonalMicrophone, settings);
  await page.goto(url);
  await page.waitForFunction(() => window.__player?.phase === 'playing', null, { timeout: 20_000 });
  await page.locator('.player-talk').waitFor({ timeout: 8_000 });
  return page;
}

/** The finger goes down in the middle of the button. */
export async function press(page) {
  await page.locator('.talk-hold').hover();
  await page.mouse.down();
}

/** Who publishes into a stream, as the server has it. */
export const publisher = (page, stream) =>
  page.evaluate(async (url) => (await (await fetch(url)).json()).publisher, `/api/v1/streams/${encodeURIComponent(stream)}`);

/** Waits until nobody publishes into a stream any more; resolves with the milliseconds that it took. */
export async function gone(page, stream) {
  const startedAt = Date.now();
  while ((await publisher(page, stream)) !== null) {
    if (Date.now() - startedAt > 5_000) throw new Error('the talk goes on');
    await sleep(20);
  }
  return Date.now() - startedAt;
}

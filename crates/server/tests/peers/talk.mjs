// A person talks to a door on the server's own page, while another one tries to; a third came by an unsafe address.
//
// Settings: `url` of the player page, `unsafe` the same by a name that is not localhost, `talkSeconds`, `screenshots`
// (a folder), `frequency` and `amplitude` of what is said. The microphone is an oscillator: Chromium's noise suppression
// would take a tone for noise.

import { run, sleep } from './browser.mjs';

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

/** Bytes and energy of the sound that came in, all connections together. */
async function soundIn() {
  const sound = { bytes: 0, energy: 0 };
  for (const connection of window.connections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp' || report.kind !== 'audio') continue;
      sound.bytes += report.bytesReceived;
      sound.energy += report.totalAudioEnergy;
    }
  }
  return sound;
}

const shown = (page) =>
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

const phase = (page, wanted) =>
  page.waitForFunction((text) => document.querySelector('.player-talk')?.dataset.phase === text, wanted, { timeout: 8_000 });

async function open(browser, url, settings, complaints) {
  const page = await (await browser.newContext({ viewport: { width: 960, height: 720 } })).newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.addInitScript(tonalMicrophone, settings);
  await page.goto(url);
  await page.waitForFunction(() => window.__player?.phase === 'playing', null, { timeout: 20_000 });
  await page.locator('.player-talk').waitFor({ timeout: 8_000 });
  return page;
}

/** The finger goes down in the middle of the button. */
async function press(page) {
  await page.locator('.talk-hold').hover();
  await page.mouse.down();
}

run(async (browser, settings) => {
  const complaints = [];
  const result = { complaints };
  const shot = (page, name) => page.screenshot({ path: `${settings.screenshots}/${name}.png` });
  const publisher = async (page) =>
    page.evaluate(async (url) => (await (await fetch(url)).json()).publisher, `/api/v1/streams/${encodeURIComponent(settings.talk)}`);
  const gone = async (page) => {
    const startedAt = Date.now();
    while ((await publisher(page)) !== null) {
      if (Date.now() - startedAt > 5_000) throw new Error('the talk goes on');
      await sleep(20);
    }
    return Date.now() - startedAt;
  };

  const first = await open(browser, settings.url, settings, complaints);
  await shot(first, 'idle');
  result.idle = await shown(first);
  result.askedBefore = await first.evaluate(() => window.asked.length);
  result.publisherBefore = await publisher(first);

  // Held with the pointer.
  const pressedAt = Date.now();
  await press(first);
  await phase(first, 'talking');
  result.openMs = Date.now() - pressedAt;
  result.constraints = await first.evaluate(() => window.asked[0]);
  // Sound that nobody listens to is not decoded.
  await first.evaluate(() => (document.querySelector('video').muted = false));
  const before = await first.evaluate(() => window.__player.framesDecoded);
  const soundBefore = await first.evaluate(soundIn);
  await sleep(settings.talkSeconds * 1000);
  result.talking = await shown(first);
  result.frames = (await first.evaluate(() => window.__player.framesDecoded)) - before;
  const soundAfter = await first.evaluate(soundIn);
  result.sound = { bytes: soundAfter.bytes - soundBefore.bytes, energy: soundAfter.energy - soundBefore.energy };
  result.player = await first.evaluate(() => ({ ...window.__player }));
  await shot(first, 'talking');
  await first.mouse.up();
  result.endMs = await gone(first);
  result.released = await shown(first);

  // Latched, since another page in front is as good as a lifted finger; somebody else tries.
  await first.locator('.talk-latch').click();
  await phase(first, 'talking');
  await first.mouse.move(5, 5);
  await sleep(500);
  result.latched = await shown(first);
  await shot(first, 'latched');
  const second = await open(browser, settings.url, settings, complaints);
  await second.waitForFunction(() => document.querySelector('.talk-text').textContent !== '', null, { timeout: 5_000 });
  result.other = await shown(second);
  await press(second);
  await phase(second, 'refused');
  await second.waitForFunction(() => document.querySelector('.talk-text').textContent.includes('somebody talks: webrtc from'), null, { timeout: 5_000 });
  result.refused = await shown(second);
  await second.mouse.up();
  await shot(second, 'refused');
  result.stillTalking = await shown(first);

  // The word is free again: by the keyboard.
  await first.locator('.talk-latch').click();
  result.latchEndMs = await gone(first);
  await second.bringToFront();
  await phase(second, 'idle');
  await second.locator('.talk-hold').focus();
  await second.keyboard.down(' ');
  await phase(second, 'talking');
  await second.keyboard.up(' ');
  await phase(second, 'idle');
  result.keyEndMs = await gone(second);
  await sleep(9_000);
  result.microphones = await first.evaluate(() => window.tracks.map((track) => track.readyState));

  // Of such a page the browser complains by itself.
  const unsafe = await open(browser, settings.unsafe, settings, []);
  await press(unsafe);
  await unsafe.mouse.up();
  result.unsafe = await shown(unsafe);
  await shot(unsafe, 'unsafe');
  return result;
});

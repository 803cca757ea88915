// A person talks to a door on the server's own page, while another one tries to; a third came by an unsafe address.
//
// Settings: `url` of the player page, `unsafe` the same by a name that is not localhost, `talkSeconds`, `screenshots`
// (a folder), `frequency` and `amplitude` of what is said, `talk` the stream that it goes into.

import { run, sleep } from './browser.mjs';
import { gone, open, phase, press, publisher, shown, soundIn } from './talk_page.mjs';

run(async (browser, settings) => {
  const complaints = [];
  const result = { complaints };
  const shot = (page, name) => page.screenshot({ path: `${settings.screenshots}/${name}.png` });
  const first = await open(browser, settings.url, settings, complaints);
  await shot(first, 'idle');
  result.idle = await shown(first);
  result.askedBefore = await first.evaluate(() => window.asked.length);
  result.publisherBefore = await publisher(first, settings.talk);

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
  result.endMs = await gone(first, settings.talk);
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
  result.latchEndMs = await gone(first, settings.talk);
  await second.bringToFront();
  await phase(second, 'idle');
  await second.locator('.talk-hold').focus();
  await second.keyboard.down(' ');
  await phase(second, 'talking');
  await second.keyboard.up(' ');
  await phase(second, 'idle');
  result.keyEndMs = await gone(second, settings.talk);
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

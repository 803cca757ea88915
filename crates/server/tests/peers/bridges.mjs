// A person meets a camera on the server's own page, and is a stream meanwhile.
//
// Settings: `url` of the page, `api` of the rooms, `key` (`kid` and `secret`), `room`, `stream`, `until`: a file that is made when she
// may go, `screenshot`.

import { existsSync } from 'node:fs';

import { hear, run, sleep } from './browser.mjs';
import { grants, keepConnections, Participant, sign } from './rooms.mjs';

run(async (browser, settings) => {
  const { api, key, room, stream } = settings;
  const complaints = [];
  const result = { complaints };
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await page.addInitScript(keepConnections);
  await page.goto(`${settings.url}#token=${sign(key, { sub: 'ann', name: 'Ann', grants: grants(room) })}`);
  await page.locator('#join-button').waitFor();
  await page.waitForFunction(() => document.querySelector('#room-name').value !== '');
  const ann = new Participant(page, 'ann');
  hear(page, complaints);
  await page.locator('#join-button').click();
  await ann.until('joined', (report) => report?.phase === 'joined');

  // The camera comes, and is a participant with a moving picture and sound.
  const body = JSON.stringify({ stream, name: 'Front door' });
  const brought = await fetch(`${api}/${room}/streams`, { method: 'POST', body });
  result.brought = { status: brought.status, body: await brought.text() };
  await page.keyboard.press('i');
  const tile = `stream:${stream}`;
  await ann.until('sees the camera', (report, wanted) => report.tiles.find(({ key, hasPicture, stats }) => key === wanted && hasPicture && stats?.frames > 40), tile, 30_000);
  result.picture = await ann.picture(tile);
  result.stats = await ann.stats(tile);
  result.label = await page.locator(`.tile[data-key="${tile}"]`).getAttribute('aria-label');
  const heard = () =>
    page.evaluate(async () => {
      const reports = await Promise.all(window.connections.filter(({ connectionState }) => connectionState === 'connected').map((one) => one.getStats()));
      const sounds = reports.flatMap((report) => [...report.values()]).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
      return sounds.map(({ totalAudioEnergy, packetsReceived, concealedSamples, totalSamplesReceived }) => ({ totalAudioEnergy, packetsReceived, concealedSamples, totalSamplesReceived }));
    });
  for (let tries = 0; tries < 40 && !((await heard())[0]?.totalAudioEnergy > 0.0001); tries += 1) await sleep(250);
  result.sound = await heard();
  await page.screenshot({ path: settings.screenshot });

  // She stays as long as her own stream is looked at.
  for (let tries = 0; tries < 400 && !existsSync(settings.until); tries += 1) await sleep(100);
  const left = await fetch(`${api}/${room}/streams/${stream}`, { method: 'DELETE' });
  result.takenOut = left.status;
  await ann.until('the camera is gone', (report) => report.tiles.length === 1, null, 5_000);
  return result;
});

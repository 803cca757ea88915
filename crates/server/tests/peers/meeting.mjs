// Two people meet on the server's own page: they see each other, talk, chat, change layers and networks, and leave.
//
// Settings: `url` of the page, `api` of the rooms, `key` (`kid` and `secret`), `room`, `screenshots` (a folder), and `steps`: what
// they do there, in this order: tokens, layers, hide, chat, mute, speak, screen, restart, vp9, lose, leave.

import { hear, run, sleep } from './browser.mjs';
import { fragments, grants, keepConnections, Participant, sign } from './rooms.mjs';

const DESKTOP = { viewport: { width: 1280, height: 800 } };

run(async (browser, settings) => {
  const complaints = [];
  const asked = [];
  const result = { complaints };
  const { room, key } = settings;
  const does = (step) => settings.steps.includes(step);
  const token = (sub, name, more = {}) => sign(key, { sub, name, grants: grants(room), ...more });

  /** Opens the page with a token in its address, as an invitation does. */
  async function open(name, given, device = DESKTOP) {
    const page = await (await browser.newContext(device)).newPage();
    await page.addInitScript(keepConnections);
    page.on('request', (request) => asked.push(request.url()));
    page.on('websocket', (socket) => asked.push(socket.url()));
    await page.goto(`${settings.url}#token=${given}`);
    await page.locator('#join-button').waitFor();
    await page.waitForFunction(() => document.querySelector('#room-name').value !== '' || document.querySelector('#join-error').textContent !== '');
    return new Participant(page, name);
  }
  const join = async (participant) => {
    await participant.page.locator('#join-button').click();
    await participant.until('joined', (report) => report?.phase === 'joined');
  };
  const shot = (participant, name) => participant.page.screenshot({ path: `${settings.screenshots}/${name}.png` });

  // Tokens that let nobody in are told with what to do.
  if (does('tokens')) {
    const late = await open('late', token('late', 'Late', { exp: 1 }));
    result.expired = await late.page.locator('#join-error').textContent();
    const forged = await open('forged', sign({ ...key, secret: 'another secret that is long enough, too' }, { sub: 'x', grants: grants(room) }));
    await forged.page.locator('#join-button').click();
    await forged.page.locator('#ended').waitFor({ timeout: 8_000 });
    result.forged = await forged.page.locator('#ended').textContent();
    await late.page.context().close();
    await forged.page.context().close();
  }

  // Both join and see each other's moving picture.
  const ann = await open('ann', token('ann', 'Ann'));
  const ben = await open('ben', token('ben', 'Ben'));
  for (const one of [ann, ben]) hear(one.page, complaints);
  result.addresses = [ann.page.url(), ben.page.url()];
  await join(ann);
  await join(ben);
  for (const one of [ann, ben]) await one.page.keyboard.press('i');
  for (const [one, other] of [[ann, 'ben'], [ben, 'ann']]) {
    await one.until(`sees ${other}`, (report, key) => report.tiles.find((tile) => tile.key === key && tile.hasPicture && tile.stats?.frames > 20), other, 30_000);
  }
  result.pictures = { ann: await ann.picture('ben'), ben: await ben.picture('ann') };
  result.codec = (await ben.stats('ann')).codec;
  result.overlay = await ben.page.locator('.tile[data-key="ann"] .tile-stats').innerText();
  await shot(ben, 'grid');

  // Layers, by a person's choice and by the tile's size.
  if (does('layers')) {
    const layer = (who, tile, wanted, limitMs = 30_000) =>
      who.until(`layer ${wanted.layer}`, (report, { tile, layer, low, high }) => {
        const found = report.tiles.find(({ key }) => key === tile);
        return found?.current?.spatialLayer === layer && found.stats?.height >= low && found.stats.height <= high ? found.stats : null;
      }, { tile, ...wanted }, limitMs);
    const quality = (wanted) => ben.page.locator('.tile[data-key="ann"] .tile-quality').selectOption(wanted);
    await quality('low');
    result.low = await layer(ben, 'ann', { layer: 0, low: 90, high: 180 });
    await quality('high');
    result.high = await layer(ben, 'ann', { layer: 2, low: 361, high: 720 });
    await quality('auto');
    await ben.page.setViewportSize({ width: 340, height: 480 });
    result.small = await ben.until('a lower layer for a small tile', (report) => report.tiles.find((tile) => tile.key === 'ann' && tile.asked?.layers?.spatialLayer < 2 && tile.current?.spatialLayer < 2));
    await ben.page.setViewportSize(DESKTOP.viewport);
  }

  // A tile that cannot be seen is not sent.
  if (does('hide')) {
    const hide = (hidden) =>
      ben.page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    await ben.until('paused', (report) => report.tiles.find((tile) => tile.key === 'ann')?.asked?.paused);
    await sleep(1500);
    result.hidden = await ben.picture('ann');
    const framesHidden = (await ben.stats('ann')).frames;
    await hide(false);
    await ben.until('goes on', (report, frames) => report.tiles.find((tile) => tile.key === 'ann' && !tile.asked.paused && tile.stats?.frames > frames + 10), framesHidden);
    result.shown = await ben.picture('ann');
  }

  // Chat, by data channel: both ways.
  if (does('chat')) {
    const write = async (participant, text) => {
      await participant.page.keyboard.press('c');
      await participant.page.locator('#chat-text').fill(text);
      await participant.page.keyboard.press('Enter');
      await participant.page.waitForFunction(() => document.querySelector('#chat-text').value === '');
      await participant.page.keyboard.press('Escape');
    };
    await write(ann, 'hello <b>Ben</b> 👋');
    await ben.until('the message', (report) => report.chat.includes('Ann: hello <b>Ben</b> 👋'));
    await write(ben, 'hello Ann');
    await ann.until('the answer', (report) => report.chat.includes('Ben: hello Ann'));
    result.chat = (await ann.report()).chat;
    result.channels = await ann.page.evaluate(async () => {
      let channels = 0;
      for (const connection of window.connections) for (const report of (await connection.getStats()).values()) if (report.type === 'data-channel' && report.messagesSent > 0) channels += 1;
      return channels;
    });
  }

  // Mute, and the camera's end, as the other one sees them.
  if (does('mute')) {
    const label = (key) => ben.page.locator(`.tile[data-key="${key}"]`).getAttribute('aria-label');
    result.unmutedLabel = await label('ann');
    await ann.page.locator('#bar-microphone').click();
    await ben.until('muted', (report) => report.tiles.find((tile) => tile.key === 'ann' && tile.muted));
    result.mutedLabel = await label('ann');
    await ann.page.locator('#bar-microphone').click();
    await ben.until('unmuted', (report) => report.tiles.find((tile) => tile.key === 'ann' && !tile.muted));
    await ann.page.locator('#bar-camera').click();
    await ben.until('no picture', (report) => report.tiles.find((tile) => tile.key === 'ann' && !tile.hasPicture));
    await ann.page.locator('#bar-camera').click();
    await ben.until('the picture again', (report) => report.tiles.find((tile) => tile.key === 'ann' && tile.hasPicture && tile.stats?.fps > 5), null, 20_000);
  }

  // The active speaker.
  if (does('speak')) {
    result.speaker = await ben.until('somebody speaks', (report) => report.tiles.find((tile) => tile.speaking)?.name);
  }

  // A screen is a picture of its own.
  if (does('screen')) {
    await ann.page.locator('#bar-screen').click();
    await ben.until('the screen', (report) => report.tiles.find((tile) => tile.source === 'screen' && tile.hasPicture && tile.stats?.frames > 0), null, 20_000);
    await ben.page.keyboard.press('g');
    await sleep(500);
    result.large = await ben.page.locator('.tile-large').getAttribute('data-key');
    await shot(ben, 'speaker');
    await ben.page.keyboard.press('g');
    await ann.page.locator('#bar-screen').click();
    await ben.until('no screen', (report) => report.tiles.length === 2);
  }

  // ICE is restarted on both transports while the picture goes on.
  if (does('restart')) {
    const before = await fragments(ben.page);
    await ben.page.evaluate(() => {
      window.longest = 0;
      window.shown = 0;
      let last = performance.now();
      const video = document.querySelector('.tile[data-key="ann"] video');
      const frame = () => {
        window.longest = Math.max(window.longest, performance.now() - last);
        last = performance.now();
        window.shown += 1;
        video.requestVideoFrameCallback(frame);
      };
      video.requestVideoFrameCallback(frame);
    });
    // The same time without a restart, to compare with.
    await sleep(4_000);
    const without = await ben.page.evaluate(() => {
      const { shown: frames, longest } = window;
      Object.assign(window, { shown: 0, longest: 0 });
      return { frames, longestGapMs: Math.round(longest) };
    });
    await ben.page.keyboard.press('d');
    await ben.page.locator('#set-renew').click();
    await ben.page.keyboard.press('Escape');
    await sleep(4_000);
    const after = await fragments(ben.page);
    result.restart = {
      without,
      renewed: after.length === before.length && after.every((fragment, at) => fragment !== before[at]),
      frames: await ben.page.evaluate(() => window.shown),
      longestGapMs: await ben.page.evaluate(() => Math.round(window.longest)),
      connections: (await ben.report()).connections,
    };
  }

  // VP9 in one stream with layers, by choice.
  if (does('vp9')) {
    await ann.page.keyboard.press('d');
    await ann.page.locator('#set-codec').selectOption('vp9');
    await ann.page.keyboard.press('Escape');
    result.vp9 = await ben.until('VP9', (report) => report.tiles.find((tile) => tile.key === 'ann' && tile.stats?.codec === 'VP9' && tile.stats.fps > 3)?.stats, null, 30_000);
  }

  // The WebSocket is lost: the page comes back by itself, and the other one sees it again.
  if (does('lose')) {
    await ann.page.evaluate(() => window.sockets.at(-1).close());
    await ann.until('waiting', (report) => report.phase !== 'joined', null, 5_000);
    await ann.until('back', (report) => report.phase === 'joined' && report.comebacks === 1);
    await ben.until('Ann again', (report) => report.tiles.find((tile) => tile.key === 'ann' && tile.hasPicture && tile.stats?.fps > 3), null, 30_000);
    result.rooms = await (await fetch(settings.api)).json();
  }

  // One leaves, and the other is told. Then she is back, and is removed.
  if (does('leave')) {
    const told = () => ben.page.locator('#announcer').textContent();
    await ann.page.keyboard.press('l');
    await ben.until('gone', (report) => report.tiles.length === 1, null, 5_000);
    result.left = { told: await told(), phase: (await ann.report()).phase, cameras: await ann.page.evaluate(() => window.connections.map(({ connectionState }) => connectionState)) };
    await join(ann);
    await ben.until('back', (report) => report.tiles.some(({ key }) => key === 'ann'));
    result.kickStatus = (await fetch(`${settings.api}/${room}/participants/ann?reason=${encodeURIComponent('be nice')}`, { method: 'DELETE' })).status;
    await ann.page.locator('#ended').waitFor({ timeout: 5_000 });
    result.kicked = await ann.page.locator('#ended').textContent();
    await sleep(2_000);
    result.staysOut = (await ann.report()).phase;
    await shot(ann, 'kicked');
  }

  result.leaked = asked.filter((url) => url.includes('eyJ'));
  return result;
});

// A person holds the talk button on the server's own page and says a tone that changes its pitch; lets go and holds
// again; closes a page in the middle of a word; and another page breaks in the middle of one.
//
// Settings: `url` of the player page, `talk` the stream that is talked into, `frequency` and `other` the two pitches,
// `amplitude`, `steadySeconds` how long the first pitch stays, `changes` how often it changes then, `pauseMs` between two
// holds, `screenshots` (a folder). All times in the result are milliseconds since 1970.

import { run, sleep } from './browser.mjs';
import { gone, open, phase, PHONE, press, publisher, shown, soundIn } from './talk_page.mjs';

/** Between two changes of pitch. Odd, so that they meet every place in the frames of sound. */
const CHANGE_MS = 607;
/** How long the shorter holds last. */
const HOLD_MS = 1_500;
/** How often it is looked whether the camera's sound goes on. */
const LOOK_MS = 500;

/** Runs in the page: remembers the longest time between two pictures. */
function watchPicture() {
  const video = document.querySelector('video');
  let last = performance.now();
  window.pictures = { count: 0, longestMs: 0 };
  const look = (now) => {
    window.pictures.count += 1;
    window.pictures.longestMs = Math.max(window.pictures.longestMs, now - last);
    last = now;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

/** Looks at the camera's sound until `ended` says so: what came between two looks. */
async function listen(page, ended) {
  const looks = [];
  let before = await page.evaluate(soundIn);
  while (!ended()) {
    await sleep(LOOK_MS);
    const now = await page.evaluate(soundIn);
    looks.push(Object.fromEntries(Object.keys(now).map((key) => [key, now[key] - before[key]])));
    before = now;
  }
  return looks;
}

async function hold(page) {
  const pressedAt = Date.now();
  await press(page);
  await phase(page, 'talking');
  return { pressedAt, openAt: Date.now() };
}

async function letGo(page, talk) {
  const releasedAt = Date.now();
  await page.mouse.up();
  await gone(page, talk);
  return { releasedAt, goneAt: Date.now() };
}

run(async (browser, settings) => {
  const { talk } = settings;
  const complaints = [];
  const result = { complaints, changes: [], holds: [] };
  const page = await open(browser, settings.url, settings, complaints);
  result.publisherBefore = await publisher(page, talk);
  // What Date tells in Node and what the page's clock tells must be one time.
  result.clocksApartMs = Math.abs(Date.now() - (await page.evaluate(() => performance.timeOrigin + performance.now())));

  const first = await hold(page);
  // Sound that nobody listens to is not decoded.
  await page.evaluate(() => (document.querySelector('video').muted = false));
  await sleep(HOLD_MS);
  await page.evaluate(watchPicture);
  const framesBefore = await page.evaluate(() => window.__player.framesDecoded);
  const startedAt = Date.now();
  let over = false;
  const listening = listen(page, () => over);
  await sleep(settings.steadySeconds * 1000);
  for (let change = 0; change < settings.changes; change += 1) {
    const hz = change % 2 === 0 ? settings.other : settings.frequency;
    result.changes.push({ hz, at: await page.evaluate((pitch) => window.say(pitch), hz) });
    await sleep(CHANGE_MS);
  }
  over = true;
  result.sound = await listening;
  result.seconds = (Date.now() - startedAt) / 1000;
  result.frames = (await page.evaluate(() => window.__player.framesDecoded)) - framesBefore;
  result.pictures = await page.evaluate(() => window.pictures);
  result.player = await page.evaluate(() => ({ ...window.__player }));
  result.talking = await shown(page);
  await page.screenshot({ path: `${settings.screenshots}/talking.png` });
  result.holds.push({ ...first, ...(await letGo(page, talk)) });
  await sleep(settings.pauseMs);

  const second = await hold(page);
  await sleep(HOLD_MS);
  result.holds.push({ ...second, ...(await letGo(page, talk)) });
  await sleep(settings.pauseMs);

  const closing = await open(browser, settings.url, settings, complaints, PHONE);
  await closing.screenshot({ path: `${settings.screenshots}/phone_idle.png` });
  const third = await hold(closing);
  await sleep(HOLD_MS);
  await closing.screenshot({ path: `${settings.screenshots}/phone_talking.png` });
  const closedAt = Date.now();
  await closing.close();
  await gone(page, talk);
  result.holds.push({ ...third, releasedAt: closedAt, goneAt: Date.now() });
  await sleep(settings.pauseMs);

  // Nothing of this page says goodbye.
  const breaking = await open(browser, settings.url, settings, []);
  const fourth = await hold(breaking);
  await sleep(HOLD_MS);
  const brokeAt = Date.now();
  await breaking.goto('chrome://crash', { timeout: 1_000 }).catch(() => {});
  await gone(page, talk);
  result.holds.push({ ...fourth, releasedAt: brokeAt, goneAt: Date.now() });
  await sleep(settings.pauseMs);
  return result;
});

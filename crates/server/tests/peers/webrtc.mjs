// A browser publishes by WHIP, plays by WHEP, or does both.
//
// Settings: `publish` {url, what, codec}, `play` {url}, `seconds`, `screenshot`, `hold` (publish only, until it is ended).

import { openForeignPage, run, sleep } from './browser.mjs';
import { IN_PAGE } from './in_page.mjs';

run(async (browser, settings) => {
  const result = {};
  let publisher = null;
  if (settings.publish) {
    publisher = await openForeignPage(browser, IN_PAGE);
    result.session = await publisher.evaluate((options) => publish(options), settings.publish);
    process.stderr.write('publishing\n');
  }
  if (settings.play) {
    if (publisher) await sleep(1500);
    const viewer = await openForeignPage(browser, IN_PAGE);
    result.firstFrameMs = await viewer.evaluate((options) => play(options), settings.play);
    await sleep(1000);
    result.early = await viewer.evaluate(() => counters());
    await sleep(settings.seconds * 1000);
    result.late = await viewer.evaluate(() => counters());
    result.picture = await viewer.evaluate(() => look(window.playing.video));
    if (settings.screenshot) await viewer.screenshot({ path: settings.screenshot });
    const ended = await viewer.evaluate(async () => {
      const response = await fetch(window.playing.session, { method: 'DELETE' });
      return response.status;
    });
    result.deleteStatus = ended;
  } else if (publisher) {
    await sleep(settings.seconds * 1000);
  }
  if (publisher) {
    result.unpublishStatus = await publisher.evaluate(async () => {
      const response = await fetch(window.publishing.session, { method: 'DELETE' });
      return response.status;
    });
  }
  return result;
});

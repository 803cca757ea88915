// A person opens the server's own web page and plays a stream there.
//
// Settings: `url` of the player page, `seconds`, `screenshot`; `list`: the URL of the list page, with the `stream` to look for.

import { hear, run, sleep } from './browser.mjs';
import { IN_PAGE } from './in_page.mjs';

run(async (browser, settings) => {
  const page = await browser.newPage({ viewport: { width: 960, height: 720 } });
  const complaints = [];
  const foreign = [];
  hear(page, complaints);
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (/^(http|ws)/.test(protocol) && host !== new URL(settings.url).host) foreign.push(request.url());
  });

  const result = { complaints, foreign };
  await page.goto(settings.list);
  await page.locator('#list').getByText(settings.stream, { exact: true }).first().waitFor({ timeout: 10_000 });
  result.listed = true;

  await page.goto(settings.url);
  await page.waitForFunction(() => window.__player?.phase === 'playing', null, { timeout: 15_000 });
  await sleep(1000);
  result.early = await page.evaluate(() => ({ ...window.__player }));
  await sleep(settings.seconds * 1000);
  result.late = await page.evaluate(() => ({ ...window.__player }));
  // as an expression: the page's own policy forbids scripts in the page, not those of the test
  result.picture = await page.evaluate(`(() => { ${IN_PAGE}; return look(document.querySelector('video')); })()`);
  await page.screenshot({ path: settings.screenshot });
  return result;
});

// Starts Chromium for a journey, gives it a page of another origin, and prints the result as one line of JSON.
//
// Every script takes one argument: its settings as JSON. `executable` and `modules` say where Chromium and
// playwright-core are, `flags` what else Chromium is told.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Loopback candidates, no mDNS names, media without a click, and a fake camera. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
];

/**
 * Runs `journey(browser, settings)`, prints what it returns, and ends the process.
 * @param {(browser: any, settings: any) => Promise<object>} journey
 */
export async function run(journey) {
  const settings = JSON.parse(process.argv[2]);
  const require = createRequire(path.join(settings.modules, 'anchor.cjs'));
  const { chromium } = require('playwright-core');
  const browser = await chromium.launch({ executablePath: settings.executable, headless: true, args: [...FLAGS, ...(settings.flags ?? [])] });
  try {
    const result = await journey(browser, settings);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await browser.close();
  }
  process.exit(0);
}

/**
 * Adds what the browser's log complains of to `complaints`: with the address that it is about, and what was asked of it.
 * @param {any} page
 * @param {string[]} complaints
 */
export function hear(page, complaints) {
  const asked = new Map();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('response', (response) => {
    if (response.status() >= 400) asked.set(response.url(), response.request().method());
  });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const { url } = message.location();
    complaints.push([message.text(), asked.get(url), url].filter(Boolean).join(' '));
  });
}

/** A page that Node serves itself: another origin than the server's, so what it may do there is under test. */
export async function openForeignPage(browser, script) {
  const html = `<!doctype html><meta charset="utf-8"><body style="margin:0"><script>${script}</script>`;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(html);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(null)));
  server.unref();
  const page = await browser.newPage({ viewport: { width: 960, height: 600 } });
  page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
  page.on('pageerror', (error) => process.stderr.write(`page: ${error.message}\n`));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return page;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

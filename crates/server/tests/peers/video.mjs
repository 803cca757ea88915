// A <video> that opens files by their URLs, seeks in them, and plays them to their ends; playlists with hls.js.
//
// Settings: `files`, each with `url` and `seeks` (seconds, in this order; negative ones from the end).

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openForeignPage, run } from './browser.mjs';

run(async (browser, settings) => {
  const hls = readFileSync(path.join(settings.modules, 'hls.js/dist/hls.min.js'), 'utf8');
  const page = await openForeignPage(browser, hls);
  const files = [];
  for (const file of settings.files) files.push(await page.evaluate(watch, file));
  return { files };
});

/** Runs in the page. */
async function watch({ url, seeks }) {
  const video = document.createElement('video');
  video.muted = true;
  video.preload = 'auto';
  document.body.replaceChildren(video);
  const complaints = [];
  const happens = (name) =>
    new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`no ${name} within 10 s at ${video.currentTime} of ${video.duration} s of ${url}: ${complaints}`)), 10_000);
      video.addEventListener(name, () => (clearTimeout(late), done()), { once: true });
      video.addEventListener('error', () => (clearTimeout(late), failed(new Error(`${video.error?.message} in ${url}`))), { once: true });
    });
  const pictureAt = async (change) => {
    const picture = new Promise((done) => video.requestVideoFrameCallback((_now, data) => done(data.mediaTime)));
    const [, time] = await Promise.all([happens('seeked'), picture, change()]);
    return time;
  };
  const opened = happens('loadeddata');
  if (new URL(url).pathname.endsWith('.m3u8')) {
    const hls = new window.Hls();
    // What it was loading when it was told to seek, it aborts itself, and says so.
    hls.on(window.Hls.Events.ERROR, (_name, { details, error }) => {
      if (details !== window.Hls.ErrorDetails.INTERNAL_ABORTED) complaints.push(`${details} ${error?.message ?? ''}`);
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  } else {
    video.src = url;
  }
  await opened;
  const shown = [];
  for (const wish of seeks) {
    const to = wish < 0 ? video.duration + wish : wish;
    shown.push({ to, time: await pictureAt(() => void (video.currentTime = to)) });
  }
  if (seeks.at(-1) !== 0) await pictureAt(() => void (video.currentTime = 0));
  // Each picture's time while it plays: what is left out shows.
  const times = [];
  const note = (_now, { mediaTime }) => (times.push(mediaTime), video.requestVideoFrameCallback(note));
  video.requestVideoFrameCallback(note);
  const ended = new Promise((done, failed) => {
    video.addEventListener('ended', done, { once: true });
    setTimeout(() => failed(new Error(`no end within 40 s at ${video.currentTime} of ${video.duration} s: ${complaints}`)), 40_000);
  });
  await video.play();
  await ended;
  const widest = Math.max(...times.slice(1).map((time, index) => time - times[index]));
  return { duration: video.duration, shown, ended: video.currentTime, widest, complaints };
}

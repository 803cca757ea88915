// A <video> that opens files by their URLs, seeks in them, and plays them to their ends.
//
// Settings: `files`, each with `url` and `seeks` (seconds, in this order; negative ones from the end).

import { openForeignPage, run } from './browser.mjs';

run(async (browser, settings) => {
  const page = await openForeignPage(browser, '');
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
  const happens = (name) =>
    new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`no ${name} within 10 s at ${video.currentTime} of ${video.duration} s of ${url}`)), 10_000);
      video.addEventListener(name, () => (clearTimeout(late), done()), { once: true });
      video.addEventListener('error', () => (clearTimeout(late), failed(new Error(`${video.error?.message} in ${url}`))), { once: true });
    });
  const pictureAt = async (change) => {
    const picture = new Promise((done) => video.requestVideoFrameCallback((_now, data) => done(data.mediaTime)));
    const [, time] = await Promise.all([happens('seeked'), picture, change()]);
    return time;
  };
  const opened = happens('loadeddata');
  video.src = url;
  await opened;
  const shown = [];
  for (const wish of seeks) {
    const to = wish < 0 ? video.duration + wish : wish;
    shown.push({ to, time: await pictureAt(() => void (video.currentTime = to)) });
  }
  const ended = happens('ended');
  video.playbackRate = 4;
  await video.play();
  await ended;
  return { duration: video.duration, shown, ended: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames };
}

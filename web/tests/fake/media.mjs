// Movies for the stand-in server: ffmpeg draws the clock's time into each frame, so that one can see what is played.
// They lie in a folder below the system's temporary one, and go away with it.

import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'aqueduct-fake-'));
/** Key frames stand at whole multiples of this. */
const KEY_MS = 2_000;
const FPS = 2;
/** Cheap to draw and to code: twenty minutes are ready within some seconds. */
const SCENE = 'color=c=0x2b4a52:size=320x180';
/** @type {Map<string, Promise<string>>} */
const made = new Map();

export const keyAt = (ms) => Math.floor(ms / KEY_MS) * KEY_MS;

const clock = (startMs) => `drawtext=fontsize=36:fontcolor=white:box=1:boxcolor=black:x=(w-tw)/2:y=(h-th)/2:text='%{pts\\:localtime\\:${startMs / 1000}\\:%H\\\\\\:%M\\\\\\:%S}'`;
const encode = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-movflags', '+faststart', '-y'];

function once(key, args) {
  const known = made.get(key);
  if (known) return known;
  const path = join(folder, `${key}.mp4`);
  const making = run('ffmpeg', ['-v', 'error', ...args, ...encode, path]).then(() => path);
  made.set(key, making);
  return making;
}

/** A movie of `ms` from a key frame on. */
export function movie(from, ms) {
  const seconds = Math.max(0.4, ms / 1000).toFixed(2);
  const picture = ['-f', 'lavfi', '-i', `${SCENE}:rate=${FPS},${clock(from)}`];
  const sound = ['-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=16000'];
  return once(`movie-${from}-${seconds}`, [...picture, ...sound, '-t', seconds, '-g', String((FPS * KEY_MS) / 1000), '-c:a', 'aac', '-b:a', '16k']);
}

/** One second for each of `count` moments, `step` apart. */
export function strip(from, step, count) {
  const picture = `${SCENE}:rate=1,settb=1/1000,setpts=N*${Math.round(step)},${clock(from)},setpts=N*1000`;
  return once(`strip-${from}-${step}-${count}`, ['-f', 'lavfi', '-i', picture, '-frames:v', String(count), '-r', '1', '-g', '1']);
}

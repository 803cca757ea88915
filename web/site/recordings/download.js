// Saves an export to a file of the visitor's choice, with progress, where browsers can; elsewhere a plain link does.

import { ServerError } from '../control/client.js';

/** Whether this browser lets a page write to a file: Chromium, on HTTPS and localhost. */
export function canSave() {
  return typeof window.showSaveFilePicker === 'function';
}

/**
 * Asks where to save, then writes what comes. Must be called from a click.
 * @param {URL} url
 * @param {string} name
 * @param {AbortSignal} signal
 * @param {(done: number, total: number | null) => void} onProgress
 * @returns {Promise<boolean>} false if the visitor chose no file
 */
export async function saveAs(url, name, signal, onProgress) {
  const file = await pickFile(name);
  if (!file) return false;
  const response = await fetch(url, { cache: 'no-store', signal });
  if (!response.ok || !response.body) throw new ServerError(response.status, (await response.text()).trim() || response.statusText);
  const length = Number(response.headers.get('Content-Length'));
  const total = length > 0 ? length : null;
  let done = 0;
  const counted = new TransformStream({
    transform(chunk, controller) {
      done += chunk.byteLength;
      onProgress(done, total);
      controller.enqueue(chunk);
    },
  });
  // Ends or breaks the file together with the stream: what is there under its name is whole.
  await response.body.pipeThrough(counted).pipeTo(await file.createWritable(), { signal });
  return true;
}

/** @param {string} name */
async function pickFile(name) {
  try {
    return (await window.showSaveFilePicker?.({ suggestedName: name, types: [{ description: 'MP4 video', accept: { 'video/mp4': ['.mp4'] } }] })) ?? null;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null;
    throw error;
  }
}

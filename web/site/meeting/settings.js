// The dialog of devices and codec.

import { openDialog } from '../ui/dialog.js';
import { el } from '../ui/dom.js';
import { listDevices } from './own-media.js';
import { Sounds } from './sounds.js';

/**
 * @param {import('./call.js').Call} call
 * @param {Sounds} sounds
 */
export async function openSettings(call, sounds) {
  const { chosen } = call.own;
  const [cameras, microphones, speakers] = await Promise.all([listDevices('videoinput'), listDevices('audioinput'), listDevices('audiooutput')]);
  const camera = choice('Camera', 'set-camera', cameras, chosen.camera, (id) => void call.choose('camera', id));
  const microphone = choice('Microphone', 'set-microphone', microphones, chosen.microphone, (id) => void call.choose('microphone', id));
  const speaker = choice('Speaker', 'set-speaker', speakers, chosen.speaker, (id) => {
    chosen.speaker = id;
    void sounds.choose(id);
  });
  if (!Sounds.canChoose) speaker.hidden = true;
  const codecs = [
    { id: 'vp8', label: 'VP8, three sizes (works everywhere)' },
    { id: 'vp9', label: 'VP9, scalable (sharper, needs more of this device)' },
  ];
  const codec = choice('How your camera is sent', 'set-codec', codecs, call.codec, (id) => void call.setCodec(id === 'vp9' ? 'vp9' : 'vp8'), false);
  const renew = el('button', { type: 'button', class: 'button', id: 'set-renew' }, 'Look for a better path');
  renew.addEventListener('click', () => call.restartIce());
  const help = el('p', { class: 'muted' }, 'Helps when pictures stand still after this device came into another network; the meeting goes on meanwhile.');
  openDialog({ title: 'Devices and connection', content: [camera, microphone, speaker, codec, el('div', { class: 'field' }, renew, help)] });
}

/**
 * @param {string} label
 * @param {string} id
 * @param {{ id: string, label: string }[]} options
 * @param {string} chosen
 * @param {(id: string) => void} onChoose
 * @param {boolean} [withUsual]
 */
function choice(label, id, options, chosen, onChoose, withUsual = true) {
  const all = withUsual ? [{ id: '', label: 'The usual one' }, ...options] : options;
  const select = el('select', { id, class: 'input' }, ...all.map((option) => el('option', { value: option.id, selected: option.id === chosen }, option.label)));
  select.addEventListener('change', () => onChoose(select.value));
  return el('div', { class: 'field' }, el('label', { for: id }, label), select);
}

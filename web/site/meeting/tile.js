// One participant, or one shared screen, as an element. Owns its video element; what it shows comes in.

import { bitrate, codecName, frameRate, UNKNOWN } from '../format.js';
import { el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('./roster.js').Tile} Tile
 * @typedef {import('./layers.js').Quality} Quality
 * @typedef {import('./stats.js').TileStats} TileStats
 */

/** @type {[Quality, string][]} */
const QUALITIES = [
  ['auto', 'Quality: automatic'],
  ['high', 'Quality: high'],
  ['medium', 'Quality: medium'],
  ['low', 'Quality: low'],
];

export class TileView {
  video = el('video', { class: 'tile-video', autoplay: true, playsinline: true, tabindex: '-1', 'aria-hidden': 'true' });
  element;
  /** @type {Quality} */
  quality = 'auto';
  #face = el('span', { class: 'tile-face', 'aria-hidden': 'true' });
  #name = el('span', { class: 'tile-name' });
  #marks = el('span', { class: 'tile-marks' });
  #stats = el('dl', { class: 'tile-stats', hidden: true });
  #pin = el('button', { type: 'button', class: 'icon-button tile-button', 'aria-pressed': 'false' }, icon('pin'));
  #select = el('select', { class: 'tile-quality' }, ...QUALITIES.map(([value, label]) => el('option', { value }, label)));
  #label = '';

  /**
   * @param {string} key
   * @param {{ onPin: () => void, onQuality: () => void }} does
   */
  constructor(key, { onPin, onQuality }) {
    this.video.muted = true;
    const tools = el('div', { class: 'tile-tools' }, this.#select, this.#pin);
    const foot = el('div', { class: 'tile-foot' }, this.#marks, this.#name);
    this.element = el('li', { class: 'tile', 'data-key': key }, this.#face, this.video, this.#stats, foot, tools);
    this.#pin.addEventListener('click', onPin);
    this.#select.addEventListener('change', () => {
      this.quality = /** @type {Quality} */ (this.#select.value);
      onQuality();
    });
  }

  /**
   * @param {Tile} tile
   * @param {{ speaking: boolean, pinned: boolean, large: boolean }} role
   */
  show(tile, { speaking, pinned, large }) {
    const { element } = this;
    const hasPicture = tile.track !== null && !tile.pictureOff;
    const shown = this.video.srcObject instanceof MediaStream ? this.video.srcObject.getVideoTracks()[0] : undefined;
    if (tile.track !== (shown ?? null)) this.video.srcObject = tile.track ? new MediaStream([tile.track]) : null;
    this.video.hidden = !hasPicture;
    element.dataset.source = tile.source;
    element.classList.toggle('tile-own', tile.own && tile.source === 'camera');
    element.classList.toggle('tile-speaking', speaking);
    element.classList.toggle('tile-large', large);
    const who = tile.own ? 'You' : tile.name;
    const name = tile.source === 'screen' ? `${who}: screen` : who;
    setText(this.#name, name);
    setText(this.#face, initials(tile.name));
    const state = [tile.source === 'camera' && tile.muted && 'muted', !hasPicture && 'no picture', speaking && 'speaking'].filter(Boolean);
    const label = [name, ...state].join(', ');
    if (label !== this.#label) {
      this.#label = label;
      element.setAttribute('aria-label', label);
      this.#marks.replaceChildren(...(tile.source === 'camera' && tile.muted ? [icon('microphone-off')] : []));
      element.dataset.muted = String(tile.muted);
    }
    this.#pin.setAttribute('aria-pressed', String(pinned));
    this.#pin.setAttribute('aria-label', `${pinned ? 'Unpin' : 'Pin'} ${name}`);
    this.#pin.title = pinned ? 'Unpin' : 'Keep large';
    this.#select.setAttribute('aria-label', `Quality of ${name}`);
    this.#select.hidden = tile.own || !tile.picture || tile.picture.counts.spatial < 2;
  }

  /**
   * @param {TileStats | null} stats null: none are shown
   * @param {{ layer: string }} more
   */
  showStats(stats, { layer }) {
    this.#stats.hidden = stats === null;
    if (!stats) return;
    const rows = [
      ['Size', stats.width ? `${stats.width}×${stats.height}` : UNKNOWN],
      ['Rate', stats.fps === null ? UNKNOWN : frameRate(Math.round(stats.fps))],
      ['Bit rate', bitrate(stats.bitrate)],
      ['Layer', layer || UNKNOWN],
      ['Loss', stats.lossPercent === null ? UNKNOWN : `${stats.lossPercent.toFixed(1)} %`],
      ['RTT', stats.rttMs === null ? UNKNOWN : `${Math.round(stats.rttMs)} ms`],
      ['Codec', stats.codec ? codecName(stats.codec) : UNKNOWN],
    ];
    this.#stats.replaceChildren(...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }
}

/** What stands for a face: the first letters of the first and the last word. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? '?')][0] ?? '?';
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : '';
  return (first + last).toUpperCase();
}

// The player's surface: message, sound button, bar and statistics. Shows PlayerStats; changes only the video element
// and the player's `mode`.

import { statsRows } from './stats-rows.js';
import { MODE_NAMES } from './modes.js';
import { el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/**
 * @typedef {import('../player.js').StreamPlayer} StreamPlayer
 * @typedef {import('./state.js').PlayerStats} PlayerStats
 */

/** The bar hides when the pointer has been still for 3 s. */
const AWAKE_MS = 3_000;

export class Controls {
  #player;
  #video;
  #message = el('p', { class: 'player-message', role: 'status' });
  #retry = el('button', { type: 'button', class: 'button' }, 'Try now');
  #cover;
  #chip = el('button', { type: 'button', class: 'player-chip' });
  #badge = el('span', { class: 'player-badge' });
  #table = el('dl', { class: 'player-stats', hidden: true });
  #mute = iconButton('muted', 'Sound on (m)');
  #volume = el('input', { type: 'range', min: '0', max: '1', step: '0.05', value: '1', 'aria-label': 'Volume', class: 'player-volume' });
  /** The browser did not let the video start by itself. */
  #refused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #sleep;

  /** @param {StreamPlayer} player */
  constructor(player) {
    this.#player = player;
    this.#video = player.video;
    this.#cover = el('div', { class: 'player-cover' }, el('span', { class: 'player-spinner' }), this.#message, this.#retry);
    this.#chip.hidden = true;
    player.append(this.#cover, this.#chip, this.#table, this.#bar());
    this.#retry.addEventListener('click', () => player.retryNow());
    this.#chip.addEventListener('click', () => (this.#refused ? this.#start() : this.#soundOn()));
    this.#video.addEventListener('volumechange', () => this.#showSound());
    player.addEventListener('keydown', (event) => this.#handleKey(event));
    for (const kind of ['pointermove', 'pointerdown', 'focusin']) player.addEventListener(kind, () => this.#wake());
    this.#showSound();
    this.#wake();
  }

  /** @param {PlayerStats} stats */
  show(stats) {
    const playing = stats.phase === 'playing';
    this.#cover.hidden = playing;
    this.#cover.dataset.phase = stats.phase;
    this.#retry.hidden = stats.phase !== 'waiting';
    setText(this.#message, playing ? '' : (stats.error ?? `Connecting with ${stats.mode ? MODE_NAMES[stats.mode] : '…'}`));
    setText(this.#badge, [stats.mode && MODE_NAMES[stats.mode], stats.note].filter(Boolean).join(', '));
    if (this.#video.paused && this.#refused) this.#showChip('play', 'Click to play');
    else if (playing && this.#video.muted && this.#hasSound(stats)) this.#showChip('muted', 'Click for sound');
    else this.#chip.hidden = true;
    if (!this.#table.hidden) this.#showTable(stats);
  }

  /** The browser refused to start by itself: the next click starts it. */
  askForClick() {
    this.#refused = true;
    this.show(this.#player.stats);
  }

  /**
   * @param {import('../ui/icons.js').IconName} name
   * @param {string} text
   */
  #showChip(name, text) {
    this.#chip.hidden = false;
    if (this.#chip.textContent !== text) this.#chip.replaceChildren(icon(name), text);
  }

  #bar() {
    const stats = iconButton('stats', 'Statistics');
    const pip = iconButton('pip', 'Picture in picture (p)');
    const full = iconButton('fullscreen', 'Full screen (f)');
    const modes = this.#modeSelect();
    pip.hidden = !document.pictureInPictureEnabled;
    stats.setAttribute('aria-expanded', 'false');
    stats.addEventListener('click', () => {
      this.#table.hidden = !this.#table.hidden;
      stats.setAttribute('aria-expanded', String(!this.#table.hidden));
      this.#showTable(this.#player.stats);
    });
    pip.addEventListener('click', () => this.#togglePip());
    full.addEventListener('click', () => this.#toggleFullscreen());
    this.#mute.addEventListener('click', () => this.#toggleMute());
    this.#volume.addEventListener('input', () => {
      this.#video.volume = Number(this.#volume.value);
      this.#video.muted = this.#video.volume === 0;
    });
    const gap = el('span', { class: 'player-gap' });
    return el('div', { class: 'player-bar', role: 'group', 'aria-label': 'Player' }, this.#mute, this.#volume, this.#badge, gap, modes, stats, pip, full);
  }

  #modeSelect() {
    const first = this.#player.getAttribute('mode') ?? 'webrtc,mse';
    const choices = new Map([[first, 'Auto'], ['webrtc', 'WebRTC'], ['mse', 'MSE']]);
    if (!first.includes(',')) choices.set('webrtc,mse', 'Auto').set(first, MODE_NAMES[/** @type {keyof typeof MODE_NAMES} */ (first)] ?? first);
    const options = [...choices].map(([value, text]) => el('option', { value, selected: value === first }, text));
    const select = el('select', { class: 'player-mode', 'aria-label': 'Transport' }, ...options);
    select.addEventListener('change', () => this.#player.setAttribute('mode', select.value));
    return select;
  }

  /** @param {PlayerStats} stats */
  #showTable(stats) {
    const rows = statsRows(stats);
    if (this.#table.children.length !== rows.length) {
      this.#table.replaceChildren(...rows.map(({ label, title }) => el('div', { title }, el('dt', {}, label), el('dd'))));
    }
    rows.forEach(({ value }, at) => {
      const cell = this.#table.children[at]?.lastElementChild;
      if (cell) setText(cell, value);
    });
  }

  /** @param {PlayerStats} stats */
  #hasSound(stats) {
    return /AAC|Opus|G\.711|FLAC|MP3/.test(stats.codec);
  }

  /** Starts without sound: one click, one thing. */
  #start() {
    this.#refused = false;
    this.#video.play().catch(() => {});
    this.#chip.hidden = true;
  }

  #soundOn() {
    this.#video.muted = false;
    if (this.#video.volume === 0) this.#video.volume = 1;
    this.#video.play().catch(() => {});
    this.#chip.hidden = true;
    this.#mute.focus();
  }

  #toggleMute() {
    if (this.#video.muted) this.#soundOn();
    else this.#video.muted = true;
  }

  #showSound() {
    const { muted, volume } = this.#video;
    const label = muted ? 'Sound on (m)' : 'Sound off (m)';
    this.#mute.replaceChildren(icon(muted ? 'muted' : 'sound'));
    this.#mute.setAttribute('aria-label', label);
    this.#mute.title = label;
    this.#volume.value = String(muted ? 0 : volume);
  }

  #togglePip() {
    const leaving = document.pictureInPictureElement === this.#video;
    (leaving ? document.exitPictureInPicture() : this.#video.requestPictureInPicture()).catch(() => {});
  }

  #toggleFullscreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.#player.requestFullscreen) this.#player.requestFullscreen().catch(() => {});
    else this.#video.webkitEnterFullscreen?.();
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    if (event.key === 'm') this.#toggleMute();
    else if (event.key === 'f') this.#toggleFullscreen();
    else if (event.key === 'p') this.#togglePip();
  }

  #wake() {
    clearTimeout(this.#sleep);
    this.#player.dataset.awake = '';
    this.#sleep = setTimeout(() => delete this.#player.dataset.awake, AWAKE_MS);
  }
}

/**
 * @param {import('../ui/icons.js').IconName} name
 * @param {string} label
 */
function iconButton(name, label) {
  return el('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label }, icon(name));
}

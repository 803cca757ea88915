// The tiles on the page: makes, orders, sizes and removes them, and says which can be seen and how large.

import { gridLayout, largeTile, tileOrder } from './layout.js';
import { TileView } from './tile.js';

/**
 * @typedef {import('./roster.js').Tile} Tile
 * @typedef {'grid' | 'speaker'} View
 */

export class Stage {
  /** @type {View} */
  view = 'grid';
  /** @type {Map<string, TileView>} */
  views = new Map();
  /** @type {Tile[]} */
  tiles = [];
  #stage;
  #list;
  #onSeen;
  /** @type {string | null} */
  #pinned = null;
  /** @type {string | null} */
  #large = null;
  /** @type {string | null} */
  #speaker = null;
  /** Tiles of which at least a part can be seen. @type {Set<Element>} */
  #visible = new Set();
  #watch;

  /**
   * @param {HTMLElement} stage
   * @param {HTMLElement} list
   * @param {() => void} onSeen what can be seen, or its size, or the quality that is wished, has changed
   */
  constructor(stage, list, onSeen) {
    this.#stage = stage;
    this.#list = list;
    this.#onSeen = onSeen;
    this.#watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.#visible.add(target);
        else this.#visible.delete(target);
      }
      onSeen();
    });
    new ResizeObserver(() => this.#arrange()).observe(stage);
    document.addEventListener('visibilitychange', onSeen);
  }

  /** @param {View} view */
  setView(view) {
    this.view = view;
    this.#draw();
  }

  /**
   * @param {Tile[]} tiles
   * @param {string | null} speaker a peer's id
   */
  show(tiles, speaker) {
    this.tiles = tileOrder(tiles);
    this.#speaker = speaker;
    const keys = new Set(tiles.map(({ key }) => key));
    for (const [key, view] of this.views) {
      if (keys.has(key)) continue;
      this.#watch.unobserve(view.element);
      this.#visible.delete(view.element);
      view.remove();
      this.views.delete(key);
    }
    for (const { key } of this.tiles) if (!this.views.has(key)) this.#make(key);
    this.#draw();
  }

  /** How a tile is seen: its height in device pixels, and whether it can be seen at all. @param {string} key */
  seen(key) {
    const view = this.views.get(key);
    if (!view) return { visible: false, height: 0, quality: /** @type {const} */ ('auto') };
    const height = Math.round(view.element.clientHeight * devicePixelRatio);
    return { visible: !document.hidden && this.#visible.has(view.element) && height > 0, height, quality: view.quality };
  }

  /** @param {string} key */
  #make(key) {
    const onPin = () => {
      this.#pinned = this.#pinned === key ? null : key;
      if (this.#pinned && this.view === 'grid') this.#stage.dispatchEvent(new CustomEvent('pinned'));
      this.#draw();
    };
    const view = new TileView(key, { onPin, onQuality: () => this.#onSeen() });
    this.views.set(key, view);
    this.#list.append(view.element);
    this.#watch.observe(view.element);
  }

  #draw() {
    if (!this.views.has(this.#pinned ?? '')) this.#pinned = null;
    const wish = { pinned: this.#pinned, speaker: this.#speaker, before: this.#large };
    this.#large = this.view === 'speaker' ? largeTile(this.tiles, wish) : null;
    for (const [at, tile] of this.tiles.entries()) {
      const view = this.views.get(tile.key);
      if (!view) continue;
      // Moved only when it has to be: moving takes the focus away and stops pictures.
      if (this.#list.children[at] !== view.element) this.#list.insertBefore(view.element, this.#list.children[at] ?? null);
      const speaking = tile.source === 'camera' && tile.peerId === this.#speaker;
      view.show(tile, { speaking, pinned: tile.key === this.#pinned, large: tile.key === this.#large });
    }
    this.#stage.dataset.view = this.view;
    this.#arrange();
  }

  #arrange() {
    const { clientWidth, clientHeight } = this.#stage;
    const { columns, tileWidth, scrolls } = gridLayout(this.tiles.length, clientWidth, clientHeight);
    this.#stage.style.setProperty('--columns', String(columns));
    this.#stage.style.setProperty('--tile-width', `${tileWidth}px`);
    this.#stage.classList.toggle('stage-scrolls', scrolls);
    this.#onSeen();
  }
}

// Where the tiles go. Pure: sizes in, sizes out.

/** Below this width faces are not recognised any more: the grid scrolls instead. */
export const TILE_WIDTH_MIN = 160;
/** The shape of a tile: cameras are 16:9. */
export const TILE_ASPECT = 16 / 9;
/** Between tiles, in CSS pixels; css/meeting.css has the same. */
export const GAP = 8;

/**
 * The grid that makes tiles largest.
 * @param {number} count of tiles
 * @param {number} width of the stage, in CSS pixels
 * @param {number} height
 * @returns {{ columns: number, rows: number, tileWidth: number, tileHeight: number, scrolls: boolean }}
 */
export function gridLayout(count, width, height) {
  let best = { columns: 1, rows: Math.max(1, count), tileWidth: 0, tileHeight: 0, scrolls: false };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const tileWidth = Math.floor(Math.min((width - GAP * (columns - 1)) / columns, ((height - GAP * (rows - 1)) / rows) * TILE_ASPECT));
    if (tileWidth > best.tileWidth) best = { columns, rows, tileWidth, tileHeight: Math.floor(tileWidth / TILE_ASPECT), scrolls: false };
  }
  if (best.tileWidth >= Math.min(TILE_WIDTH_MIN, width)) return best;
  const columns = Math.max(1, Math.floor((width + GAP) / (TILE_WIDTH_MIN + GAP)));
  const tileWidth = Math.max(1, Math.floor((width - GAP * (columns - 1)) / columns));
  return { columns, rows: Math.ceil(count / columns), tileWidth, tileHeight: Math.floor(tileWidth / TILE_ASPECT), scrolls: true };
}

/**
 * What choosing the large tile needs to know of a tile.
 * @typedef {{ key: string, peerId: string, own: boolean, source: string }} Candidate
 */

/**
 * The tile that is large in the speaker view: what was pinned, then a screen that is shared, then who speaks, then
 * whoever was large before, then another participant, and oneself only when alone.
 * @param {Candidate[]} tiles
 * @param {{ pinned: string | null, speaker: string | null, before: string | null }} wish keys of tiles; speaker is a peer's id
 * @returns {string | null}
 */
export function largeTile(tiles, { pinned, speaker, before }) {
  const others = tiles.filter(({ own }) => !own);
  const found =
    tiles.find(({ key }) => key === pinned) ??
    others.find(({ source }) => source === 'screen') ??
    others.find(({ peerId }) => peerId === speaker) ??
    others.find(({ key }) => key === before) ??
    others[0] ??
    tiles[0];
  return found?.key ?? null;
}

/**
 * The order of tiles: screens first, oneself last, others as they came.
 * @template {Candidate} T
 * @param {T[]} tiles
 * @returns {T[]}
 */
export function tileOrder(tiles) {
  const rank = (/** @type {Candidate} */ { own, source }) => (source === 'screen' ? 0 : 1) + (own ? 2 : 0);
  return tiles.toSorted((a, b) => rank(a) - rank(b));
}

// Which layer of a picture is worth receiving in a tile of some size. Pure.

/** @typedef {'auto' | 'high' | 'medium' | 'low'} Quality what a person asks for */
/** @typedef {{ spatialLayer: number, temporalLayer: number }} Layers */

/** A layer may be stretched by a quarter before the next one is worth its bits: hardly seen in a moving picture. */
const STRETCH_MAX = 1.25;
/** A layer that is in use is left for the smaller one only when that fits with room to spare, so that resizing does not flap. */
const STRETCH_TO_LEAVE = 1.1;
/** Tiles lower than this many device pixels need no smooth movement: one temporal layer less. */
const SMALL_TILE = 120;
/** What a sender sends who does not say how large: 720p. */
export const HEIGHT_USUAL = 720;

/**
 * How many layers there are: `L3T3` → 3 and 3, `S3T3` too. Source: W3C Scalable Video Coding for WebRTC, §"scalabilityMode".
 * @param {string | undefined} mode
 * @returns {{ spatial: number, temporal: number }}
 */
export function layerCounts(mode) {
  const found = /^[LS]([1-9])T([1-9])/.exec(mode ?? '');
  return { spatial: Number(found?.[1] ?? 1), temporal: Number(found?.[2] ?? 1) };
}

/**
 * @param {object} tile
 * @param {number} tile.height in device pixels
 * @param {number} tile.sentHeight of the picture's highest layer; each layer below has half of it
 * @param {{ spatial: number, temporal: number }} tile.counts
 * @param {Quality} tile.quality
 * @param {number | null} tile.current the layer that was asked for last
 * @returns {Layers}
 */
export function preferredLayers({ height, sentHeight, counts, quality, current }) {
  const top = counts.spatial - 1;
  const topTemporal = counts.temporal - 1;
  if (quality === 'high') return { spatialLayer: top, temporalLayer: topTemporal };
  if (quality === 'medium') return { spatialLayer: Math.min(top, Math.floor(counts.spatial / 2)), temporalLayer: topTemporal };
  if (quality === 'low') return { spatialLayer: 0, temporalLayer: topTemporal };
  const heightOf = (/** @type {number} */ layer) => (sentHeight || HEIGHT_USUAL) / 2 ** (top - layer);
  const enough = (/** @type {number} */ layer) => {
    const stretch = current !== null && layer < current ? STRETCH_TO_LEAVE : STRETCH_MAX;
    return heightOf(layer) * stretch >= height;
  };
  let spatialLayer = 0;
  while (spatialLayer < top && !enough(spatialLayer)) spatialLayer += 1;
  return { spatialLayer, temporalLayer: height < SMALL_TILE ? Math.max(0, topTemporal - 1) : topTemporal };
}

/**
 * @param {Layers | null} a
 * @param {Layers | null} b
 */
export function sameLayers(a, b) {
  return a?.spatialLayer === b?.spatialLayer && a?.temporalLayer === b?.temporalLayer;
}

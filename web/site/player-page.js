// player.html?src=name&mode=webrtc,mse: one stream on the whole page. `window.__player` tells tests how it goes.

import './player.js';
import { statsAtStart } from './player/state.js';
import { byId, el, pageParameter } from './ui/dom.js';
import { startPage } from './ui/page.js';

/** Renewed twice a second even if nothing happens. */
const RENEW_MS = 500;

const src = pageParameter('src');
const player = el('aqueduct-player', { src, mode: pageParameter('mode') || null });

startPage();
window.__player = statsAtStart();
player.addEventListener('stats', () => (window.__player = player.stats));
setInterval(() => (window.__player = { ...player.stats }), RENEW_MS);

document.title = src ? `${src} · Aqueduct` : 'Aqueduct';
byId('title', HTMLElement).textContent = src || 'No stream';
byId('links-link', HTMLAnchorElement).href = `links.html?src=${encodeURIComponent(src)}`;
byId('stage', HTMLElement).append(player);

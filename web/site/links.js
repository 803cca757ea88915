// links.html?src=name: every address of one stream.

import { linksView } from './links/view.js';
import { byId, el, pageParameter } from './ui/dom.js';
import { startPage } from './ui/page.js';

const name = pageParameter('src');
const place = byId('links', HTMLElement);

startPage();
if (name) {
  document.title = `Links for ${name} · Aqueduct`;
  byId('title', HTMLElement).textContent = `Links for ${name}`;
  place.replaceChildren(await linksView(name));
} else {
  place.replaceChildren(el('p', {}, 'No stream is chosen. ', el('a', { href: './' }, 'Choose one from the list.')));
}

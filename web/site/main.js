// index.html: the list of streams.

import { StreamFeed } from './control/feed.js';
import { getInfo, removeStream, ServerError } from './control/client.js';
import { getOverview } from './recordings/api.js';
import { publishAddresses } from './links/addresses.js';
import { publishCommands } from './links/commands.js';
import { openLinks, PAGE_BASE } from './links/view.js';
import { openAddDialog } from './streams/add.js';
import { StreamList } from './streams/list.js';
import { openWatch } from './streams/watch.js';
import { copyField } from './ui/copy.js';
import { announce, byId } from './ui/dom.js';
import { confirmDialog } from './ui/dialog.js';
import { startPage } from './ui/page.js';

/** Which streams are recorded is asked every 10 s: it changes with the configuration, or with a disk's trouble. */
const RECORDINGS_MS = 10_000;

const feed = new StreamFeed();
const offline = byId('offline', HTMLElement);
const loading = byId('loading', HTMLElement);
const search = byId('search', HTMLInputElement);
const places = {
  list: byId('list', HTMLElement),
  head: byId('list-head', HTMLElement),
  empty: byId('empty', HTMLElement),
  nothing: byId('nothing', HTMLElement),
  summary: byId('summary', HTMLElement),
};
const list = new StreamList(places, { onWatch: openWatch, onLinks: openLinks, onRemove: askRemove });
/** A stream just added; it is shown as soon as the list has it. */
let added = '';

startPage();
search.addEventListener('input', () => list.search(search.value));
search.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  search.value = '';
  list.search('');
});
for (const id of ['add', 'add-first']) byId(id, HTMLButtonElement).addEventListener('click', openAdd);

feed.addEventListener('streams', (event) => {
  setReachable(true);
  list.show(/** @type {CustomEvent} */ (event).detail);
  if (!list.names.includes(added)) return;
  list.highlight(added);
  added = '';
});
feed.addEventListener('unreachable', () => setReachable(false));
feed.start();
void showExample();
const recordingsTimer = setInterval(showRecordings, RECORDINGS_MS);
void showRecordings();

function openAdd() {
  openAddDialog({
    taken: list.names,
    onAdded: (name) => {
      added = name;
      search.value = '';
      list.search('');
      void feed.refresh();
      openWatch(name);
    },
  });
}

/** @param {string} name */
function askRemove(name) {
  confirmDialog({
    title: `Remove ${name}?`,
    text: 'Its sources are stopped and all its viewers are disconnected.',
    verb: 'Remove',
    act: async () => {
      await removeStream(name);
      await feed.refresh();
      byId('add', HTMLButtonElement).focus();
    },
  });
}

/** @param {boolean} reachable */
function setReachable(reachable) {
  loading.hidden = true;
  if (offline.hidden === reachable) return;
  offline.hidden = reachable;
  document.body.classList.toggle('stale', !reachable);
  announce(reachable ? 'The server answers again.' : 'The server does not answer.');
}

/** A command that makes a first stream without any camera, on the empty page. */
async function showExample() {
  const info = await getInfo().catch(() => null);
  const test = publishCommands(publishAddresses('demo', info, PAGE_BASE), 'demo').find(({ label }) => label.includes('test picture'));
  if (test) byId('example', HTMLElement).replaceChildren(copyField(test.text, test.label));
}

/** The ways to the recordings. A server that has no such thing is not asked again. */
async function showRecordings() {
  if (document.hidden) return;
  try {
    list.showRecordings((await getOverview()).streams);
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) clearInterval(recordingsTimer);
  }
}

// Whether the chosen stream is being recorded now, and if not, why not.

import { recordingBadges } from './words.js';
import { el } from '../ui/dom.js';
import { sinceThen } from '../format.js';

/** @typedef {import('./session.js').Session} Session */

/**
 * @param {Session} session
 * @returns {HTMLElement}
 */
export function badgesView(session) {
  const place = el('div', { class: 'badges', role: 'status' });
  let drawn = '';
  const show = () => {
    const recordings = session.recorded?.recordings ?? [];
    const badges = session.data ? recordingBadges(recordings, session.reachable) : [];
    const now = JSON.stringify(badges);
    if (now === drawn) return;
    drawn = now;
    place.replaceChildren(
      ...badges.map(({ text, tone, reason }, at) => {
        const since = recordings[at]?.since;
        const title = since ? `for ${sinceThen(new Date(since).toISOString(), Date.now())}` : null;
        return el('span', { class: 'badge' }, el('span', { class: 'pill', 'data-tone': tone, title }, text), reason && el('span', { class: 'muted' }, reason));
      }),
    );
  };
  for (const kind of ['overview', 'stream', 'reachable']) session.addEventListener(kind, show);
  return place;
}

// The page's icons: 24-unit line drawings, built as elements so that no markup is parsed.

const SVG = 'http://www.w3.org/2000/svg';

/** Path data by name. */
const PATHS = {
  play: 'M8 5.5v13l10.5-6.5z',
  plus: 'M12 5v14M5 12h14',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1',
  trash: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 10.5v5M13.5 10.5v5',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  chevron: 'M9 6l6 6-6 6',
  sound: 'M5 9.5v5h3.5L13 18V6L8.5 9.5zM16 9a4 4 0 0 1 0 6M18.5 6.5a7.5 7.5 0 0 1 0 11',
  muted: 'M5 9.5v5h3.5L13 18V6L8.5 9.5zM16.5 9.5l5 5M21.5 9.5l-5 5',
  fullscreen: 'M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5',
  pip: 'M4 5h16v14H4zM12 12h6v5h-6z',
  stats: 'M5 19V11M10 19V5M15 19v-6M20 19V9',
  reload: 'M19 12a7 7 0 1 1-2.1-5M19 4v4h-4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  microphone: 'M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4M6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3.5M9 20.5h6',
  lock: 'M6.5 11h11v8.5h-11zM9 11V8a3 3 0 0 1 6 0v3',
  camera: 'M4 7h11v10H4zM15 11l5-3v8l-5-3',
  'camera-off': 'M4 7h11v10H4zM15 11l5-3v8l-5-3M3 4l18 16',
  'microphone-off': 'M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4M6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3.5M9 20.5h6M4 4l16 16',
  screen: 'M3.5 5h17v11.5h-17zM9 20h6M12 16.5V20M12 13.5V8.5M9.5 10.5L12 8l2.5 2.5',
  chat: 'M4 5h16v11h-9l-4 3.5V16H4zM8 9h8M8 12h5',
  grid: 'M4 4.5h7v6.5H4zM13 4.5h7v6.5h-7zM4 13h7v6.5H4zM13 13h7v6.5h-7z',
  speaker: 'M4 4.5h16v10H4zM4 17h4v3H4zM10 17h4v3h-4zM16 17h4v3h-4z',
  pin: 'M9 4h6l-1 6 3 3.5H7L10 10zM12 13.5V20',
  settings: 'M4 7h9M17 7h3M13 5v4h4V5zM4 17h3M11 17h9M7 15v4h4v-4z',
  leave: 'M3.5 14.5c4.7-4.7 12.3-4.7 17 0l-2.2 2.2-3.3-1.7v-2.5a10 10 0 0 0-6 0V15l-3.3 1.7z',
  send: 'M4.5 5l15 7-15 7 2.5-7zM7 12h6',
  pause: 'M8.5 6v12M15.5 6v12',
  back: 'M12 5a7.5 7.5 0 1 1-7.3 5.8M12 5L8.5 2M12 5L8.5 8M10 11v5M13 12.2a1.2 1.2 0 0 1 2.6 0v2.6a1.2 1.2 0 0 1-2.6 0z',
  forward: 'M12 5a7.5 7.5 0 1 0 7.3 5.8M12 5l3.5-3M12 5l3.5 3M9 11v5M12 12.2a1.2 1.2 0 0 1 2.6 0v2.6a1.2 1.2 0 0 1-2.6 0z',
  'event-next': 'M4 12l5-5 5 5-5 5zM19 6v12',
  'event-back': 'M20 12l-5-5-5 5 5 5zM5 6v12',
  'gap-next': 'M4 7l5 5-5 5M13.5 6v12M19.5 6v12',
  'gap-back': 'M20 7l-5 5 5 5M10.5 6v12M4.5 6v12',
  minus: 'M5 12h14',
  film: 'M4 5h16v14H4zM8 5v14M16 5v14M4 9.7h4M4 14.3h4M16 9.7h4M16 14.3h4',
  download: 'M12 4v11M7.5 10.5L12 15l4.5-4.5M5 19.5h14',
  keyboard: 'M3.5 6.5h17v11h-17zM7 10h.01M10.3 10h.01M13.6 10h.01M17 10h.01M8 14h8',
  live: 'M12 10.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3M8 8a5.6 5.6 0 0 0 0 8M16 8a5.6 5.6 0 0 1 0 8M5 5a9.9 9.9 0 0 0 0 14M19 5a9.9 9.9 0 0 1 0 14',
  shield: 'M12 3.5l7 2.5v5.5c0 4.5-3 7.7-7 9-4-1.3-7-4.5-7-9V6z',
  search: 'M10.5 5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M15 15l5 5',
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGSVGElement} hidden from screen readers; the button says what it does
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** Fills every `<… data-icon="name">` of the page with its drawing. */
export function drawIcons() {
  for (const place of document.querySelectorAll('[data-icon]')) {
    const name = place.getAttribute('data-icon') ?? '';
    if (Object.hasOwn(PATHS, name)) place.replaceChildren(icon(/** @type {IconName} */ (name)));
  }
}

// Names of browsers that the standard library types do not have yet, and what our pages put on `window`.

/** Media Source on iPhones. Source: W3C Media Source Extensions 2, "ManagedMediaSource". */
declare var ManagedMediaSource: typeof MediaSource | undefined;

interface HTMLVideoElement {
  /** Full screen on iPhones, which know it only for the video itself. */
  webkitEnterFullscreen?(): void;
}

interface Window {
  /** What player.html plays, for tests: renewed twice a second. */
  __player?: import('./site/player/state.js').PlayerStats;
}

interface HTMLElementTagNameMap {
  'aqueduct-player': import('./site/player.js').StreamPlayer;
}

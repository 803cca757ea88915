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
  /** What recordings.html plays, for tests: renewed with each frame. */
  __recordings?: { phase: import('./site/recordings/deck.js').Phase, time: number, stream: string };
  /** Source: WICG File System Access. Chromium only. */
  showSaveFilePicker?(options: {
    suggestedName: string;
    types: { description: string; accept: Record<string, string[]> }[];
  }): Promise<FileSystemFileHandle>;
}

interface HTMLElementTagNameMap {
  'aqueduct-player': import('./site/player.js').StreamPlayer;
}

interface Window {
  /** The token's way from the address to the form. */
  __meetingFragment?: string;
  /** The meeting of meeting.html, for tests: renewed once a second and with each change. */
  __meeting?: import('./site/meeting/report.js').Report;
}

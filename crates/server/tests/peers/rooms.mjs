// What the scripts about rooms share: tokens, waiting, and a look at what is on a page.

import { createHmac } from 'node:crypto';

import { sleep } from './browser.mjs';

/**
 * A token as an application's own server would sign it. Source: docs/rooms.md, "Tokens".
 * @param {{ kid: string, secret: string }} key
 * @param {object} claims
 */
export function sign({ kid, secret }, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** All grants of an ordinary participant. */
export const grants = (room) => ({ room, join: true, publish: true, subscribe: true, data: true });

/** Runs before the page does: keeps what it connects, so that a test can look at it or cut it. */
export function keepConnections() {
  window.sockets = [];
  window.connections = [];
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      window.sockets.push(this);
    }
  };
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...given) {
      super(...given);
      window.connections.push(this);
    }
  };
}

/** The user name fragments that the server gave for the connections that are open: new ones after a restart of ICE. */
export const fragments = (page) =>
  page.evaluate(() =>
    window.connections
      .filter(({ connectionState }) => connectionState !== 'closed')
      .map(({ remoteDescription }) => /a=ice-ufrag:(\S+)/.exec(remoteDescription?.sdp ?? '')?.[1] ?? ''),
  );

/** A participant on the meeting page. */
export class Participant {
  /**
   * @param {any} page
   * @param {string} name
   */
  constructor(page, name) {
    this.page = page;
    this.name = name;
  }

  report() {
    return this.page.evaluate(() => window.__meeting);
  }

  /**
   * Waits until a function of the report and of `argument` gives something, and returns that.
   * @param {string} what
   * @param {(report: any, argument: any) => any} check sent to the page as text
   * @param {any} [argument]
   * @param {number} [limitMs]
   */
  async until(what, check, argument = null, limitMs = 15_000) {
    // Asked from here: in the page, its policy forbids to wait for a text.
    const source = `(${check})(window.__meeting, ${JSON.stringify(argument)})`;
    const deadline = Date.now() + limitMs;
    for (;;) {
      const found = await this.page.evaluate(source);
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`${this.name}: not within ${limitMs} ms: ${what}: ${JSON.stringify(await this.report())}`);
      await sleep(50);
    }
  }

  /** Statistics of a tile. @param {string} key */
  async stats(key) {
    return (await this.report()).tiles.find((tile) => tile.key === key)?.stats ?? null;
  }

  /** How much the picture of a tile changes within 300 ms, how many colours it has, and how large it is. @param {string} key */
  picture(key) {
    return this.page.evaluate(async (wanted) => {
      const tile = [...document.querySelectorAll('.tile')].find(({ dataset }) => dataset.key === wanted);
      const video = tile.querySelector('video');
      const canvas = new OffscreenCanvas(160, 90);
      const context = canvas.getContext('2d', { willReadFrequently: true });
      const take = () => {
        context.drawImage(video, 0, 0, 160, 90);
        return context.getImageData(0, 0, 160, 90).data;
      };
      const before = take();
      await new Promise((done) => setTimeout(done, 300));
      const after = take();
      const colours = new Set();
      let changed = 0;
      for (let at = 0; at < after.length; at += 4) {
        if (Math.abs(after[at] - before[at]) + Math.abs(after[at + 1] - before[at + 1]) + Math.abs(after[at + 2] - before[at + 2]) > 48) changed += 1;
        colours.add(((after[at] >> 5) << 6) | ((after[at + 1] >> 5) << 3) | (after[at + 2] >> 5));
      }
      return { changed, colours: colours.size, width: video.videoWidth, height: video.videoHeight };
    }, key);
  }
}

// The form before the meeting: room, name, token. The token comes from the address's fragment or is pasted; it is kept in
// this page's memory only.

import { captureProblem } from '../publish/capture.js';
import { byId, pageParameter, setText } from '../ui/dom.js';
import { readToken, tokenInFragment, tokenProblem } from './token.js';
import { roomProblem } from './words.js';

/** The name is remembered in this browser; the token never is. */
const NAME_KEY = 'aqueduct.meeting.name';

export class EntryForm {
  #form = byId('join', HTMLFormElement);
  #room = byId('room-name', HTMLInputElement);
  #name = byId('display-name', HTMLInputElement);
  #token = byId('token', HTMLInputElement);
  #microphone = byId('with-microphone', HTMLInputElement);
  #camera = byId('with-camera', HTMLInputElement);
  #error = byId('join-error', HTMLElement);
  #button = byId('join-button', HTMLButtonElement);
  #ended = byId('ended', HTMLElement);

  /** @param {(entry: Omit<import('./call.js').Entry, 'codec'>) => void} onJoin */
  constructor(onJoin) {
    this.#room.value = pageParameter('room');
    this.#name.value = remembered();
    this.#takeFragment();
    addEventListener('meetingfragment', () => this.#takeFragment());
    const problem = captureProblem({ isSecureContext, hasDevices: !!navigator.mediaDevices, host: location.host });
    if (problem) this.#withoutDevices(problem);
    this.#token.addEventListener('change', () => this.#readToken());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const entry = this.#read();
      if (entry) onJoin(entry);
    });
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.#button.disabled = busy;
    setText(this.#button, busy ? 'Joining…' : 'Join');
  }

  /**
   * Says why there is no meeting any more.
   * @param {import('./words.js').Ending | null} ending
   */
  showEnd(ending) {
    this.#ended.hidden = ending === null;
    setText(this.#ended, ending?.text ?? '');
    if (ending?.askToken) this.#token.focus();
    else this.#button.focus();
  }

  #takeFragment() {
    const token = tokenInFragment(window.__meetingFragment ?? '');
    delete window.__meetingFragment;
    if (!token) return;
    this.#token.value = token;
    this.#readToken();
  }

  /** What the token says of itself need not be typed. */
  #readToken() {
    const facts = readToken(this.#token.value);
    if (facts?.room) this.#room.value = facts.room;
    if (facts?.name && !this.#name.value) this.#name.value = facts.name;
    setText(this.#error, tokenProblem(this.#token.value, Date.now()) ?? '');
  }

  #read() {
    const room = this.#room.value.trim();
    const token = this.#token.value.trim();
    const displayName = this.#name.value.trim() || readToken(token)?.identity || 'Guest';
    const roomIsWrong = roomProblem(room);
    setText(this.#error, roomIsWrong ?? tokenProblem(token, Date.now()) ?? '');
    if (this.#error.textContent) {
      (roomIsWrong ? this.#room : this.#token).focus();
      return null;
    }
    remember(this.#name.value.trim());
    this.#ended.hidden = true;
    return { room, token, displayName, on: { microphone: this.#microphone.checked, camera: this.#camera.checked } };
  }

  /** Listening and watching work anywhere. @param {string} problem */
  #withoutDevices(problem) {
    const note = byId('insecure', HTMLElement);
    note.hidden = false;
    setText(note, `${problem} You can join to watch and listen.`);
    for (const box of [this.#microphone, this.#camera]) {
      box.checked = false;
      box.disabled = true;
    }
  }
}

function remembered() {
  try {
    return localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    return ''; // Storage can be forbidden.
  }
}

/** @param {string} name */
function remember(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // See above.
  }
}

// The panel for a range: where it begins and ends, what it holds, and what to do with it.

import { exportUrl, protect } from './api.js';
import { canSave, saveAs } from './download.js';
import { estimate, fileName, markedRange } from './selection.js';
import { fieldText, parseMoment } from './times.js';
import { adviceFor, estimateText, progressText, READ_ONLY_TEXT } from './words.js';
import { announce, el, setText } from '../ui/dom.js';
import { icon } from '../ui/icons.js';

/** @typedef {import('./session.js').Session} Session */

let panels = 0;

export class ExportPanel {
  #session;
  #fields = { a: field(), b: field() };
  #text = el('p', { class: 'export-text' });
  #error = el('p', { class: 'error-text', role: 'alert' });
  #link = el('a', { class: 'button button-primary' }, icon('download'), 'Download');
  #clear = el('button', { type: 'button', class: 'button button-quiet' }, 'Clear');
  #progress = el('progress', { class: 'export-progress', max: '1', hidden: true, 'aria-label': 'Download' });
  #stop = el('button', { type: 'button', class: 'button button-quiet', hidden: true }, 'Stop');
  #note = el('input', { class: 'input', placeholder: 'Why it is kept', 'aria-label': 'Note for the protected range', maxlength: '200' });
  #protect = el('button', { type: 'submit', class: 'button' }, icon('shield'), 'Protect');
  #readOnly = el('p', { class: 'muted', hidden: true }, READ_ONLY_TEXT);
  /** @type {AbortController | null} */
  #saving = null;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    const form = el('form', { class: 'export-protect' }, this.#note, this.#protect);
    const actions = el('div', { class: 'export-actions' }, this.#link, this.#stop, this.#clear);
    const fields = el('div', { class: 'export-fields' }, this.#row('a', 'From A'), this.#row('b', 'To B'));
    this.element = el(
      'section',
      { class: 'panel export' },
      el('h2', {}, 'Export and protect'),
      fields, this.#text, this.#progress, actions, form, this.#readOnly, this.#error,
    );
    this.#link.addEventListener('click', (event) => this.#download(event));
    this.#clear.addEventListener('click', () => session.unmark());
    this.#stop.addEventListener('click', () => this.#saving?.abort());
    form.addEventListener('submit', (event) => void this.#keep(event));
    for (const kind of ['marks', 'data', 'stream', 'read-only']) session.addEventListener(kind, () => this.#show());
    this.#show();
  }

  /** The key for it: as a click on the button; without marks it says how to set them. */
  download() {
    if (this.#range()) this.#link.click();
    else this.#say('Mark where the export begins with [ and where it ends with ].');
    this.element.scrollIntoView({ block: 'nearest' });
  }

  /**
   * @param {'a' | 'b'} which
   * @param {string} label
   */
  #row(which, label) {
    const input = this.#fields[which];
    const id = `export-${which}-${(panels += 1)}`;
    input.id = id;
    const here = el('button', { type: 'button', class: 'button', title: `Set ${which.toUpperCase()} to the playhead (${which === 'a' ? '[' : ']'})` }, 'Here');
    here.setAttribute('aria-label', `Set ${which.toUpperCase()} to the playhead`);
    here.addEventListener('click', () => this.#session.mark(which, this.#session.time));
    input.addEventListener('change', () => {
      const time = parseMoment(input.value);
      if (time !== null) this.#session.mark(which, time);
    });
    return el('div', { class: 'field' }, el('label', { for: id }, label), el('div', { class: 'field-line' }, input, here));
  }

  #range() {
    return this.#session.data && markedRange(this.#session.marks);
  }

  #show() {
    const { marks, data, readOnly } = this.#session;
    for (const which of /** @type {const} */ (['a', 'b'])) {
      const time = marks[which];
      const text = time === null ? '' : fieldText(time);
      if (this.#fields[which].value !== text && document.activeElement !== this.#fields[which]) this.#fields[which].value = text;
    }
    const range = this.#range();
    const what = range && data ? estimate(data.timeline.spans, range) : null;
    const isLoaded = range && data?.loaded && data.loaded.from <= range.from && Math.min(range.to, Date.now()) <= data.loaded.to;
    const known = range && !isLoaded ? 'Move the timeline to the marks to see what lies between them.' : what && estimateText(what);
    setText(this.#text, known ?? 'Set A and B at the playhead, or write the times.');
    const isEmpty = !range || (what !== null && isLoaded && what.recordedMs <= 0);
    const isSaving = this.#saving !== null;
    if (range && data && !isEmpty && !isSaving) this.#link.href = exportUrl(data.stream, range, { download: true }).href;
    else this.#link.removeAttribute('href');
    if (range && data) this.#link.download = fileName(data.stream, range.from);
    this.#link.setAttribute('aria-disabled', String(isEmpty || isSaving));
    this.#clear.hidden = !range;
    this.#stop.hidden = !isSaving;
    this.#protect.disabled = isEmpty || readOnly;
    this.#note.disabled = readOnly;
    this.#readOnly.hidden = !readOnly;
    if (range) this.#say('');
  }

  /** @param {MouseEvent} event */
  async #download(event) {
    const range = this.#range();
    const { data } = this.#session;
    if (!range || !data || !canSave() || this.#saving) return;
    event.preventDefault();
    const saving = new AbortController();
    this.#saving = saving;
    const begun = performance.now();
    this.#say('');
    try {
      const url = exportUrl(data.stream, range, { download: true });
      const saved = await saveAs(url, fileName(data.stream, range.from), saving.signal, (done, total) => {
        this.#progress.hidden = false;
        if (total) this.#progress.value = done / total;
        else this.#progress.removeAttribute('value');
        setText(this.#text, progressText(done, total, performance.now() - begun));
      });
      if (saved) announce('The export is saved.');
    } catch (error) {
      if (!saving.signal.aborted) this.#say(adviceFor(/** @type {Error} */ (error)));
    }
    this.#saving = null;
    this.#progress.hidden = true;
    this.#show();
  }

  /** @param {SubmitEvent} event */
  async #keep(event) {
    event.preventDefault();
    const range = this.#range();
    const { data } = this.#session;
    if (!range || !data) return;
    this.#protect.disabled = true;
    try {
      await protect(data.stream, range, this.#note.value.trim());
      this.#note.value = '';
      announce('The range is protected.');
      await data.reload();
    } catch (error) {
      const failure = /** @type {Error & { status?: number }} */ (error);
      if (failure.status === 403) this.#session.setReadOnly(true);
      this.#show();
      this.#say(adviceFor(failure, { change: true }));
    }
    this.#protect.disabled = this.#session.readOnly;
  }

  /** @param {string} text */
  #say(text) {
    setText(this.#error, text);
  }
}

function field() {
  return el('input', { type: 'datetime-local', step: '1', class: 'input' });
}

// @ts-check
/**
 * Keeps one visit note on the server in step with what is typed: a moment after the last key, again after failures,
 * and never two saves at once. Lives outside the page, so that leaving it loses nothing while the tab is open.
 */
import { applyTemplate, emptyNote, isBlank, isPending, reduceNote, retryDelay, SECTIONS } from '../state/note.js';
import { ApiError, api } from './api.js';

/** @typedef {import('../state/note.js').NoteState} NoteState */
/** @typedef {import('../state/note.js').NoteAction} NoteAction */
/** @typedef {import('../state/note.js').Section} Section */

const PAUSE_MS = 800; // after the last key
const AT_LATEST_MS = 5000; // of uninterrupted typing

/** @type {Map<string, NoteSaver>} */
const savers = new Map();

/**
 * The saver of a consultation's note: the same one while something is still to be saved.
 * @param {string} consultation
 */
export function noteSaver(consultation) {
  for (const [id, saver] of savers) {
    if (id !== consultation && !saver.isWatched && !isPending(saver.state)) savers.delete(id);
  }
  const saver = savers.get(consultation) ?? new NoteSaver(consultation);
  savers.set(consultation, saver);
  return saver;
}

/** Whether any note of this tab holds words that the server does not have. */
export function hasUnsavedNotes() {
  return [...savers.values()].some((saver) => isPending(saver.state));
}

export class NoteSaver {
  /** @param {string} consultation @param {Pick<typeof api, 'get' | 'put' | 'post'>} [server] */
  constructor(consultation, server = api) {
    this._server = server;
    this._path = `/consultations/${consultation}/note`;
    /** @type {NoteState} */
    this.state = emptyNote;
    /** @type {Set<() => void>} */
    this._listeners = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    this._typingSince = 0;
  }

  get isWatched() {
    return this._listeners.size > 0;
  }

  /** @param {() => void} listener */
  subscribe(listener) {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  async load() {
    this._act({ type: 'loaded', note: await this._server.get(this._path) });
    return this.state;
  }

  /** @param {Section} section @param {string} text */
  type(section, text) {
    this._act({ type: 'typed', section, text });
    this._schedule();
  }

  /** @param {Partial<Record<Section, string>>} template */
  insert(template) {
    const filled = applyTemplate(this.state.draft, template);
    for (const section of SECTIONS) this._act({ type: 'typed', section, text: filled[section] });
    this._schedule();
  }

  /** Save now what is not saved. @returns {Promise<boolean>} whether the server has everything */
  async flush() {
    clearTimeout(this._timer);
    this._typingSince = 0;
    const { phase, note, draft } = this.state;
    if (!note || (phase !== 'unsaved' && phase !== 'failed')) return phase === 'saved';
    this._act({ type: 'saving' });
    try {
      this._act({ type: 'saved', note: await this._server.put(this._path, { version: note.version, ...draft }) });
    } catch (error) {
      await this._failed(error);
    }
    if (this.state.phase === 'unsaved') this._schedule();
    return this.state.phase === 'saved';
  }

  /** Save, then sign. @returns {Promise<boolean>} whether it is signed; false when something stands in the way of saving */
  async sign() {
    if (isBlank(this.state.draft)) return false;
    if (!(await this._settled())) return false;
    const note = await this._server.post(`${this._path}/sign`, { version: this.state.note?.version });
    this._act({ type: 'settled', note });
    return true;
  }

  /** @param {string} text */
  async addAddendum(text) {
    await this._server.post(`${this._path}/addenda`, { text });
    this._act({ type: 'settled', note: await this._server.get(this._path) });
  }

  keepMine() {
    this._act({ type: 'keep_mine' });
    return this.flush();
  }

  takeTheirs() {
    this._act({ type: 'take_theirs' });
  }

  /** A save that is on its way is waited for, and what was typed meanwhile is saved too. */
  async _settled() {
    for (let attempt = 0; attempt < 50 && this.state.phase === 'saving'; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return this.flush();
  }

  /** @param {unknown} error */
  async _failed(error) {
    if (error instanceof ApiError && error.status === 409) {
      const theirs = await this._server.get(this._path).catch(() => null);
      if (theirs) {
        this._act({ type: 'conflict', note: theirs });
        return;
      }
    }
    this._act({ type: 'failed' });
    this._timer = setTimeout(() => this.flush(), retryDelay(this.state.attempts));
  }

  _schedule() {
    if (this.state.phase !== 'unsaved' && this.state.phase !== 'failed') return;
    clearTimeout(this._timer);
    this._typingSince ||= Date.now();
    const left = Math.max(0, this._typingSince + AT_LATEST_MS - Date.now());
    this._timer = setTimeout(() => this.flush(), Math.min(PAUSE_MS, left));
  }

  /** @param {NoteAction} action */
  _act(action) {
    this.state = reduceNote(this.state, action);
    for (const listener of this._listeners) listener();
  }
}

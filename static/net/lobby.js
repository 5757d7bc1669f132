// @ts-check
/** Keeps the doctor's waiting rooms up to date over this tab's socket, for as long as somebody looks at them. */
import { emptyLobby, reduceLobby } from '../state/lobby.js';
import { session } from './session.js';

/** @typedef {import('../state/lobby.js').Lobby} Lobby */

const RETRY_MS = 3000;

export class LobbyWatch {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this._session = session;
    /** @type {Lobby} */
    this.lobby = emptyLobby;
    /** @type {Set<(lobby: Lobby) => void>} */
    this._listeners = new Set();
    session.on('connected', () => this._watch());
    session.on('lobby_changed', (entry) => this._act({ type: 'changed', entry }));
    session.on('status', (status) => {
      if (status === 'idle') this.lobby = emptyLobby;
      else if (status !== 'connected') this._act({ type: 'lost' });
    });
  }

  /**
   * Called after each change until the returned function is called. Opens the socket when it is not.
   * @param {(lobby: Lobby) => void} listener
   */
  subscribe(listener) {
    const isFirst = this._listeners.size === 0;
    this._listeners.add(listener);
    this._session.open();
    if (isFirst && this._session.status === 'connected') this._watch();
    return () => this._listeners.delete(listener);
  }

  async _watch() {
    if (this._listeners.size === 0) return;
    try {
      const { consultations } = await this._session.request('lobby_watch', {});
      this._act({ type: 'watched', consultations });
    } catch {
      setTimeout(() => {
        if (this._session.status === 'connected' && !this.lobby.live) this._watch();
      }, RETRY_MS);
    }
  }

  /** @param {import('../state/lobby.js').LobbyAction} action */
  _act(action) {
    this.lobby = reduceLobby(this.lobby, action);
    for (const listener of this._listeners) listener(this.lobby);
  }
}

/** The waiting rooms of whoever is signed in here. */
export const lobbyWatch = new LobbyWatch(session);

// @ts-check
/**
 * Who is signed in here. The access token lives in memory only; a refresh cookie (which scripts can't read) or the
 * invitation's secret (kept for this tab only) brings a new one, so that a reload asks nobody again.
 */
import { ApiError, api, useTokens } from './api.js';

/**
 * @typedef {object} Me
 * @property {string} subject
 * @property {string} participant  the id this person has in rooms
 * @property {'patient' | 'clinician' | 'custodian' | 'administrator' | 'guest'} role
 * @property {string} name
 * @property {string} language
 * @property {string} [patient]
 * @property {string} [title]
 * @property {{ id: string, name_en: string, name_zh: string } | string} [department]
 */
/** @typedef {{ access_token: string, expires_in: number, me: Me, consultation?: string }} Signed */

const SECRET = 'consilium.invitation';
const SIGNED_IN = 'consilium.signed-in'; // that there may be a refresh cookie: without it nobody needs to be asked
const EARLY_MS = 60_000; // a token this near to its end is renewed before it is used

/** @type {Me | null} */
let me = null;
let token = '';
let expiresAt = 0;
/** The one consultation that this tab's invitation opens. @type {string | null} */
let consultation = null;
/** @type {Promise<string | null> | null} */
let renewal = null;
/** @type {Set<(me: Me | null) => void>} */
const listeners = new Set();

export const auth = {
  /** The person signed in, or null. */
  get me() {
    return me;
  },

  /** The consultation this tab was invited to, when it came by a link. */
  get invitedTo() {
    return consultation;
  },

  /** The link this tab came by, for taking it to another browser; null without one. */
  get invitationLink() {
    const secret = stored(sessionStorage, SECRET);
    return secret ? `${location.origin}/join#${secret}` : null;
  },

  /** @param {string} login @param {string} password @returns {Promise<Me>} */
  async signIn(login, password) {
    forgetSecret();
    const signed = accept(await api.post('/session', { login, password }, { anonymous: true }));
    store(localStorage, SIGNED_IN, '1');
    return signed;
  },

  /**
   * Open a link's secret. It is remembered for this tab, so that a reload and a renewed token need no new link.
   * @param {string} secret
   * @returns {Promise<{ me: Me, consultation: string }>}
   */
  async openInvitation(secret) {
    const opened = await exchange(secret);
    store(sessionStorage, SECRET, secret);
    return opened;
  },

  async signOut() {
    const invited = consultation !== null;
    forgetSecret();
    if (!invited) {
      await api.delete('/session', { headers: GUARD }).catch(ignore);
      store(localStorage, SIGNED_IN, null);
    }
    leave();
  },

  /**
   * At the start of the page: whoever was signed in here still is. Null when nobody.
   * @returns {Promise<Me | null>}
   */
  async restore() {
    if (stored(sessionStorage, SECRET) || stored(localStorage, SIGNED_IN)) await renew().catch(ignore);
    return me;
  },

  /**
   * A token that is good for at least a moment, for the socket.
   * @param {{ fresh?: boolean }} [options]  `fresh`: the last one was refused
   * @returns {Promise<string | null>}
   */
  async token({ fresh = false } = {}) {
    return fresh ? renew() : current();
  },

  /**
   * Called with the person at every change, until the returned function is called.
   * @param {(me: Me | null) => void} listener
   */
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

useTokens({ current, renew });

/** A header that a foreign page can't send without asking first. */
const GUARD = { 'X-Consilium': '1' };

async function current() {
  if (token === '') return null;
  return Date.now() < expiresAt - EARLY_MS ? token : renew();
}

/** One renewal at a time, whoever asks. @returns {Promise<string | null>} */
function renew() {
  renewal ??= renewOnce().finally(() => {
    renewal = null;
  });
  return renewal;
}

async function renewOnce() {
  const secret = stored(sessionStorage, SECRET);
  try {
    if (secret) await exchange(secret);
    else
      await alone(async () =>
        accept(await api.post('/session/refresh', undefined, { anonymous: true, headers: GUARD })),
      );
    return token;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) throw error; // try again later
    if (secret) forgetSecret();
    else store(localStorage, SIGNED_IN, null);
    leave();
    return null;
  }
}

/**
 * Tabs share the refresh cookie, and each use replaces it: two at once would look like theft to the server.
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
function alone(action) {
  if (!navigator.locks) return action();
  return /** @type {Promise<T>} */ (navigator.locks.request('consilium.refresh', action));
}

/** @param {string} secret @returns {Promise<{ me: Me, consultation: string }>} */
async function exchange(secret) {
  const signed = await api.post('/session/invitation', { secret }, { anonymous: true });
  consultation = signed.consultation;
  return { me: accept(signed), consultation: signed.consultation };
}

/** @param {Signed} signed @returns {Me} */
function accept(signed) {
  const changed = me === null || me.subject !== signed.me.subject;
  token = signed.access_token;
  expiresAt = Date.now() + signed.expires_in * 1000;
  me = signed.me;
  if (changed) tell();
  return me;
}

function leave() {
  const changed = me !== null;
  token = '';
  expiresAt = 0;
  me = null;
  consultation = null;
  if (changed) tell();
}

function tell() {
  for (const listener of listeners) listener(me);
}

function forgetSecret() {
  consultation = null;
  store(sessionStorage, SECRET, null);
}

/** @param {Storage} storage @param {string} key */
function stored(storage, key) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

/** Where storage is refused, the link has to be opened again after a reload. @param {Storage} storage @param {string} key @param {string | null} value */
function store(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, value);
  } catch {
    // as said
  }
}

function ignore() {}

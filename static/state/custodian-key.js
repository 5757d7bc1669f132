// @ts-check
/** A custodian's key, once its file was opened: held by this page for a while, so that several requests can be answered. */

/** @typedef {import('../crypto/key-file.js').CustodianKey} CustodianKey */

const HELD_MS = 10 * 60_000;

/** @type {{ key: CustodianKey, until: number } | null} */
let held = null;

/** @param {CustodianKey} key @param {number} [now] */
export function holdKey(key, now = Date.now()) {
  held = { key, until: now + HELD_MS };
}

/** The key with this fingerprint, while it is held. @param {string} fingerprint @param {number} [now] @returns {CustodianKey | null} */
export function heldKey(fingerprint, now = Date.now()) {
  if (held && now > held.until) held = null;
  return held?.key.fingerprint === fingerprint ? held.key : null;
}

export function forgetKey() {
  held = null;
}

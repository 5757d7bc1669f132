// @ts-check
/**
 * Recordings in custody: a custodian opens their part and seals it to the browser that asked; that browser joins the
 * parts and opens the recording's key. records/custody.py and server/routes/releases.py say the same in Python.
 */
import { combine } from 'shamir-secret-sharing';
import { fromBase64, toBase64, utf8 } from './bytes.js';
import { openWith, sealTo } from './hpke.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */
/**
 * What `POST /archive/{consultation}/releases/{release}/viewing` answers.
 * @typedef {{ expires_in: number, media_url: string, blob: string, size_bytes: number, quorum: number,
 *   parts: { custodian_key: string, sealed: string }[], wrapped: string, share: string, context: string }} SealedViewing
 */

const NONCE_BYTES = 12;

/**
 * A custodian's part, sealed to the browser that asked. Throws when the key is not the one it was sealed to.
 * @param {{ consultation: string, release: { id: string, public_key: string },
 *   part: { custodian_key: string, sealed: string }, key: import('./key-file.js').CustodianKey }} given
 */
export async function partFor({ consultation, release, part, key }) {
  const opened = await openWith(
    key.privateKey,
    fromBase64(part.sealed),
    `custody/${consultation}/${part.custodian_key}`,
  );
  const context = `release/${release.id}/${part.custodian_key}`;
  return toBase64(await sealTo(fromBase64(release.public_key), opened, context));
}

/** The recording's key, for this page and its worker alone. @param {SealedViewing} viewing @param {string} release @param {Bytes} privateKey @returns {Promise<CryptoKey>} */
export async function recordingKey(viewing, release, privateKey) {
  const parts = await Promise.all(
    viewing.parts.map(({ custodian_key: key, sealed }) =>
      openWith(privateKey, fromBase64(sealed), `release/${release}/${key}`),
    ),
  );
  const secret = viewing.quorum === 1 ? parts[0] : await combine(parts.slice(0, viewing.quorum));
  const base = await crypto.subtle.importKey('raw', secret.slice(), 'HKDF', false, ['deriveKey']);
  const context = utf8(viewing.context);
  const wrapping = await crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: fromBase64(viewing.share), info: context },
    base,
    { name: 'AES-GCM', length: 256 },
    false,
    ['decrypt'],
  );
  const wrapped = fromBase64(viewing.wrapped);
  const raw = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: wrapped.slice(0, NONCE_BYTES), additionalData: context },
    wrapping,
    wrapped.slice(NONCE_BYTES),
  );
  return crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
}

// @ts-check
/**
 * A custodian's private key in a file that opens with a passphrase; the same file as records/custodian_key_file.py
 * describes. The private key never leaves the page.
 */
import { fromBase64, toBase64, toHex, utf8 } from './bytes.js';
import { freshKeyPair } from './hpke.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */
/** @typedef {import('./hpke.js').KeyPair & { fingerprint: string }} CustodianKey */

export const PASSPHRASE_LEAST = 14;

const TYPE = 'consilium-custodian-key/1';
const KDF = 'PBKDF2-HMAC-SHA256';
const ITERATIONS = 1_000_000;
const ITERATIONS_MOST = 20_000_000;
const FILE_LIMIT = 16 * 1024;
const NONCE_BYTES = 12;

/** Why a file does not open: `reason` is "not_a_key_file" or "wrong_passphrase". */
export class KeyFileUnusable extends Error {
  /** @param {'not_a_key_file' | 'wrong_passphrase'} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** A fresh key, and the text of its file. @param {string} owner @param {string} passphrase @param {number} [iterations] @returns {Promise<{ key: CustodianKey, text: string }>} */
export async function freshKeyFile(owner, passphrase, iterations = ITERATIONS) {
  if (passphrase.length < PASSPHRASE_LEAST) throw new RangeError('the passphrase is too short');
  const pair = await freshKeyPair();
  const fingerprint = await fingerprintOf(pair.publicKey);
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const wrapping = await wrappingKey(passphrase, salt, iterations);
  const ciphertext = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv: nonce, additionalData: utf8(`${TYPE}/${fingerprint}`) },
    wrapping,
    pair.privateKey,
  );
  const content = {
    type: TYPE,
    owner,
    public_key: toBase64(pair.publicKey),
    kdf: { name: KDF, iterations, salt: toBase64(salt) },
    sealed: toBase64(new Uint8Array([...nonce, ...new Uint8Array(ciphertext)])),
  };
  return { key: { ...pair, fingerprint }, text: JSON.stringify(content, null, 1) };
}

/** The key in a file; throws `KeyFileUnusable`. @param {string} text @param {string} passphrase @returns {Promise<CustodianKey>} */
export async function openKeyFile(text, passphrase) {
  const { publicKey, salt, sealed, iterations } = read(text);
  const fingerprint = await fingerprintOf(publicKey);
  try {
    const wrapping = await wrappingKey(passphrase, salt, iterations);
    const privateKey = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: sealed.slice(0, NONCE_BYTES), additionalData: utf8(`${TYPE}/${fingerprint}`) },
      wrapping,
      sealed.slice(NONCE_BYTES),
    );
    return { publicKey, privateKey: new Uint8Array(privateKey), fingerprint };
  } catch {
    throw new KeyFileUnusable('wrong_passphrase');
  }
}

/** What a public key is called: its SHA-256 in hex. @param {Bytes} publicKey */
export async function fingerprintOf(publicKey) {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', publicKey)));
}

/** @param {string} text */
function read(text) {
  try {
    if (text.length > FILE_LIMIT) throw new RangeError('too long');
    const { type, public_key: publicKey, kdf, sealed } = JSON.parse(text);
    const { iterations } = kdf;
    if (type !== TYPE || kdf.name !== KDF || !Number.isInteger(iterations)) throw new TypeError('another kind of file');
    if (iterations < 1 || iterations > ITERATIONS_MOST) throw new RangeError('iterations');
    return {
      publicKey: fromBase64(publicKey),
      salt: fromBase64(kdf.salt),
      sealed: fromBase64(sealed),
      iterations: Number(iterations),
    };
  } catch {
    throw new KeyFileUnusable('not_a_key_file');
  }
}

/** @param {string} passphrase @param {Bytes} salt @param {number} iterations */
async function wrappingKey(passphrase, salt, iterations) {
  const words = await crypto.subtle.importKey('raw', utf8(passphrase.normalize('NFC')), 'PBKDF2', false, ['deriveKey']);
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations },
    words,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}

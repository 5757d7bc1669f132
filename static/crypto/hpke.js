// @ts-check
/**
 * HPKE (RFC 9180, base mode) with X25519, HKDF-SHA256 and AES-256-GCM. What is sealed is encapsulated key (32 bytes) |
 * ciphertext | tag, as in records/hpke.py.
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { utf8 } from './bytes.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */
/** Raw X25519 keys of 32 bytes. @typedef {{ publicKey: Bytes, privateKey: Bytes }} KeyPair */

const ENCAPSULATED_BYTES = 32;

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** @returns {Promise<KeyPair>} */
export async function freshKeyPair() {
  const { publicKey, privateKey } = await suite.kem.generateKeyPair();
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(publicKey)),
    privateKey: new Uint8Array(await suite.kem.serializePrivateKey(privateKey)),
  };
}

/** Seal for the holder of a private key, and for the place named by `context`. @param {Bytes} publicKey @param {Bytes} plaintext @param {string} context @returns {Promise<Bytes>} */
export async function sealTo(publicKey, plaintext, context) {
  const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey.slice());
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: utf8(context) }, plaintext);
  const sealed = new Uint8Array(enc.byteLength + ct.byteLength);
  sealed.set(new Uint8Array(enc));
  sealed.set(new Uint8Array(ct), enc.byteLength);
  return sealed;
}

/** What was sealed to this key for `context`; throws when it was not. @param {Bytes} privateKey @param {Bytes} sealed @param {string} context @returns {Promise<Bytes>} */
export async function openWith(privateKey, sealed, context) {
  const recipientKey = await suite.kem.deserializePrivateKey(privateKey.slice());
  const enc = sealed.slice(0, ENCAPSULATED_BYTES);
  const opened = await suite.open({ recipientKey, enc, info: utf8(context) }, sealed.slice(ENCAPSULATED_BYTES));
  return new Uint8Array(opened);
}

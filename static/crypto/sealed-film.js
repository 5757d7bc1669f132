// @ts-check
/**
 * Reading a film as records/blobs.py stores it: eight bytes of magic, then frames of length (4) | nonce (12) |
 * ciphertext | tag (16). Every frame but the last holds 64 KiB, so any of them is found without its predecessors.
 */
import { utf8 } from './bytes.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */
/** `size` is that of the film itself, in bytes. @typedef {{ blob: string, size: number, key: CryptoKey }} SealedFilm */

export const CHUNK_BYTES = 64 * 1024;

const MAGIC_BYTES = 8;
const LENGTH_BYTES = 4;
const NONCE_BYTES = 12;
const FRAME_BYTES = LENGTH_BYTES + NONCE_BYTES + CHUNK_BYTES + 16;

/**
 * Which frames hold `length` bytes from `first` on, at most `frames` of them, and where they lie in the sealed file
 * (`end` is excluded; beyond the file's end it is the file's end).
 * @param {number} first @param {number} length @param {number} frames
 */
export function placeOf(first, length, frames) {
  const index = Math.floor(first / CHUNK_BYTES);
  const last = Math.floor((first + length - 1) / CHUNK_BYTES);
  const count = Math.min(last - index + 1, frames);
  const begins = MAGIC_BYTES + index * FRAME_BYTES;
  return { index, count, begins, end: begins + count * FRAME_BYTES };
}

/**
 * The film's bytes in frames that follow each other, the first of which is `index`. Throws when anything of them is not
 * what was sealed there.
 * @param {SealedFilm} film @param {Bytes} sealed @param {number} index @returns {Promise<Bytes>}
 */
export async function opened(film, sealed, index) {
  const frames = [];
  for (let place = 0; place < sealed.length; place += FRAME_BYTES) {
    frames.push(openFrame(film, sealed.subarray(place, place + FRAME_BYTES), index + frames.length));
  }
  const parts = await Promise.all(frames);
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {SealedFilm} film @param {Bytes} frame @param {number} index */
async function openFrame({ blob, size, key }, frame, index) {
  const offset = index * CHUNK_BYTES;
  const isLast = offset + CHUNK_BYTES >= size;
  const nonce = frame.slice(LENGTH_BYTES, LENGTH_BYTES + NONCE_BYTES);
  const context = `blob/${blob}/${index}/${offset}/${isLast ? 'final' : 'more'}`;
  const plaintext = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: nonce, additionalData: utf8(context) },
    key,
    frame.slice(LENGTH_BYTES + NONCE_BYTES),
  );
  return new Uint8Array(plaintext);
}

// @ts-check
/**
 * A service worker that plays recordings which only this browser can open: it answers the player's requests for
 * `/sealed-playback/<consultation>` with the film, fetched sealed from the server and opened here, piece by piece.
 *
 * It keeps nothing. The page that plays holds the key and is asked for it (state/sealed-playback.js), so a worker that
 * the browser stopped goes on where it was.
 */
import { CHUNK_BYTES, opened, placeOf } from './crypto/sealed-film.js';

const PREFIX = '/sealed-playback/';
const FRAMES_AT_ONCE = 16; // a mebibyte
const ANSWER_MS = 5000;

/** @typedef {import('./crypto/sealed-film.js').SealedFilm & { media: string }} PlayedFilm */

const worker = /** @type {any} */ (globalThis);

worker.addEventListener('install', () => worker.skipWaiting());
worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const url = new URL(event.request.url);
  if (url.origin === worker.location.origin && url.pathname.startsWith(PREFIX)) event.respondWith(answer(event, url));
});

/** @param {any} event @param {URL} url */
async function answer(event, url) {
  const film = await filmOf(event.clientId, url.pathname.slice(PREFIX.length));
  if (!film) return new Response(null, { status: 404 });
  const asked = /^bytes=(\d+)-(\d*)$/.exec(event.request.headers.get('Range') ?? '');
  const first = asked ? Number(asked[1]) : 0;
  const end = asked?.[2] ? Math.min(Number(asked[2]) + 1, film.size) : film.size;
  if (first >= end) return new Response(null, { status: 416, headers: { 'Content-Range': `bytes */${film.size}` } });
  const headers = {
    'Content-Type': 'video/webm',
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-store',
    'Content-Length': String(end - first),
    ...(asked ? { 'Content-Range': `bytes ${first}-${end - 1}/${film.size}` } : {}),
  };
  return new Response(streamOf(film, first, end), { status: asked ? 206 : 200, headers });
}

/** @param {PlayedFilm} film @param {number} first @param {number} end */
function streamOf(film, first, end) {
  let at = first;
  return new ReadableStream({
    async pull(controller) {
      const { index, count, begins, end: sealedEnd } = placeOf(at, end - at, FRAMES_AT_ONCE);
      const response = await fetch(film.media, { headers: { Range: `bytes=${begins}-${sealedEnd - 1}` } });
      if (response.status !== 206) throw new Error(`the server answered ${response.status}`);
      const bytes = await opened(film, new Uint8Array(await response.arrayBuffer()), index);
      const skipped = at - index * CHUNK_BYTES;
      const piece = bytes.subarray(skipped, skipped + (end - at));
      if (piece.length === 0) throw new Error(`nothing in ${count} frames`);
      at += piece.length;
      controller.enqueue(piece);
      if (at >= end) controller.close();
    },
  });
}

/** Ask the page that plays for the film's key. @param {string} clientId @param {string} consultation @returns {Promise<PlayedFilm | null>} */
async function filmOf(clientId, consultation) {
  const client = await worker.clients.get(clientId);
  if (!client) return null;
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    setTimeout(() => resolve(null), ANSWER_MS);
  });
  client.postMessage({ type: 'sealed-film', consultation }, [port2]);
  return /** @type {Promise<PlayedFilm | null>} */ (answered);
}

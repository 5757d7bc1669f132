// @ts-check
/** Playing a film that is opened in this browser: the page holds the key, a service worker opens what the player asks for. */

/** @typedef {import('../crypto/sealed-film.js').SealedFilm & { media: string }} PlayedFilm */

const WORKER = '/static/playback-worker.js';

/** What this page plays, by consultation. @type {Map<string, PlayedFilm>} */
const films = new Map();

/** Whether this browser, in this window, can play what is in custody. */
export const canPlaySealed = () => 'serviceWorker' in navigator;

/** Begin to play; returns the address for the player. @param {string} consultation @param {PlayedFilm} film */
export async function beginPlayback(consultation, film) {
  films.set(consultation, film);
  navigator.serviceWorker.addEventListener('message', hand);
  navigator.serviceWorker.startMessages();
  await navigator.serviceWorker.register(/** @type {any} */ (workerAddress()), { type: 'module', scope: '/' });
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) => {
      navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    });
  }
  return `/sealed-playback/${consultation}`;
}

/** Forget a film's key. @param {string} consultation */
export function endPlayback(consultation) {
  films.delete(consultation);
}

/** @param {MessageEvent} event */
function hand({ data, ports }) {
  if (data?.type === 'sealed-film') ports[0]?.postMessage(films.get(data.consultation) ?? null);
}

function workerAddress() {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  if (!trustedTypes) return WORKER;
  policy ??= trustedTypes.createPolicy('playback-worker', {
    createScriptURL: (/** @type {string} */ url) => {
      if (url !== WORKER) throw new TypeError('there is one worker');
      return url;
    },
  });
  return policy.createScriptURL(WORKER);
}

/** @type {any} */
let policy = null;

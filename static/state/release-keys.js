// @ts-check
/** The private keys of this browser's own requests for recordings, kept in it until the request is over. */

/** @typedef {import('../crypto/bytes.js').Bytes} Bytes */

const DATABASE = 'consilium-releases';
const STORE = 'keys';
const KEPT_MS = 8 * 24 * 3600_000; // a week to be answered and a day to be watched: nothing is open any longer

/**
 * Keep the key whose public half a request holds, and forget those of requests that are over by now.
 * @param {string} publicKey in base64 @param {Bytes} privateKey
 */
export async function keepReleaseKey(publicKey, privateKey) {
  const now = Date.now();
  for (const each of await within('readonly', (store) => store.getAllKeys())) {
    const kept = await within('readonly', (store) => store.get(each));
    if (!kept || now - kept.at > KEPT_MS) await within('readwrite', (store) => store.delete(each));
  }
  await within('readwrite', (store) => store.put({ privateKey, at: now }, publicKey));
}

/** The key of a request, if it was made in this browser. @param {string} publicKey @returns {Promise<Bytes | null>} */
export async function releaseKey(publicKey) {
  const kept = await within('readonly', (store) => store.get(publicKey));
  return kept?.privateKey ?? null;
}

/** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} work @returns {Promise<any>} */
async function within(mode, work) {
  const database = await opened();
  try {
    return await promised(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** @returns {Promise<IDBDatabase>} */
function opened() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return promised(request);
}

/** @param {IDBRequest} request @returns {Promise<any>} */
function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

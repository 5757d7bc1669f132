// @ts-check
/** The private keys of this browser's own requests for recordings, kept in it until the request is over. */

/** @typedef {import('../crypto/bytes.js').Bytes} Bytes */

const DATABASE = 'consilium-releases';
const STORE = 'keys';

/** Keep the key whose public half a request holds. @param {string} publicKey in base64 @param {Bytes} privateKey */
export const keepReleaseKey = (publicKey, privateKey) =>
  within('readwrite', (store) => store.put({ privateKey, at: Date.now() }, publicKey));

/** The key of a request, if it was made in this browser. @param {string} publicKey @returns {Promise<Bytes | null>} */
export async function releaseKey(publicKey) {
  const kept = await within('readonly', (store) => store.get(publicKey));
  return kept?.privateKey ?? null;
}

/** Forget every key but those of requests that go on. @param {string[]} publicKeys */
export async function keepOnly(publicKeys) {
  const kept = /** @type {string[]} */ (await within('readonly', (store) => store.getAllKeys()));
  for (const each of kept) {
    if (!publicKeys.includes(each)) await within('readwrite', (store) => store.delete(each));
  }
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

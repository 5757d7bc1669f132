import assert from 'node:assert/strict';
import test from 'node:test';
import './import-map.js';

const { fromBase64, toBase64, utf8 } = await import('../../static/crypto/bytes.js');
const { freshKeyPair, openWith, sealTo } = await import('../../static/crypto/hpke.js');
const { freshKeyFile, KeyFileUnusable, openKeyFile } = await import('../../static/crypto/key-file.js');
const { partFor, recordingKey } = await import('../../static/crypto/custody.js');
const { CHUNK_BYTES, opened, placeOf } = await import('../../static/crypto/sealed-film.js');
const { split } = await import('shamir-secret-sharing');

const PASSPHRASE = 'seven purple kettles';

test('what is sealed to a key opens with it in its place only', async () => {
  const [ours, other] = [await freshKeyPair(), await freshKeyPair()];
  const sealed = await sealTo(ours.publicKey, utf8('a part'), 'custody/con_1/k');
  assert.deepEqual(await openWith(ours.privateKey, sealed, 'custody/con_1/k'), utf8('a part'));
  await assert.rejects(openWith(ours.privateKey, sealed, 'custody/con_2/k'));
  await assert.rejects(openWith(other.privateKey, sealed, 'custody/con_1/k'));
});

test('a key file opens with its passphrase however it was typed, and with no other', async () => {
  const { key, text } = await freshKeyFile('赵文慧', 'caf\u00e9 au lait, chaud', 10);
  assert.deepEqual(await openKeyFile(text, 'cafe\u0301 au lait, chaud'), key);
  assert.ok(!text.includes(toBase64(key.privateKey)));
  await assert.rejects(openKeyFile(text, 'something else here'), { reason: 'wrong_passphrase' });
  const altered = JSON.stringify({ ...JSON.parse(text), public_key: toBase64((await freshKeyPair()).publicKey) });
  await assert.rejects(openKeyFile(altered, 'caf\u00e9 au lait, chaud'), { reason: 'wrong_passphrase' });
});

test('another file is told from a key file, and none keeps the machine busy', async () => {
  const busy = JSON.parse((await freshKeyFile('Cato', PASSPHRASE, 10)).text);
  busy.kdf.iterations = 1e9;
  for (const text of ['', 'null', '[]', '{"type":"x"}', 'x'.repeat(20_000), JSON.stringify(busy)]) {
    await assert.rejects(openKeyFile(text, PASSPHRASE), (error) => {
      assert.ok(error instanceof KeyFileUnusable);
      assert.equal(error.reason, 'not_a_key_file');
      return true;
    });
  }
  await assert.rejects(freshKeyFile('Cato', 'too short', 10), RangeError);
});

/** A recording's key as the server keeps it. @param {Uint8Array} secret @param {Uint8Array} raw */
async function entrusted(secret, raw) {
  const [share, context] = [crypto.getRandomValues(new Uint8Array(32)), 'data_keys/con_1/media/custodians/s'];
  const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  const wrapping = await crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: share, info: utf8(context) },
    base,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt'],
  );
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(context) }, wrapping, raw);
  return { wrapped: toBase64(new Uint8Array([...iv, ...new Uint8Array(sealed)])), share: toBase64(share), context };
}

for (const [quorum, total] of [
  [1, 2],
  [2, 3],
  [3, 5],
]) {
  test(`${quorum} of ${total} custodians release a recording to the browser that asked`, async () => {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const raw = crypto.getRandomValues(new Uint8Array(32));
    const shares = quorum === 1 ? Array(total).fill(secret) : await split(secret, total, quorum);
    const asking = await freshKeyPair();
    const release = { id: 'rls_1', public_key: toBase64(asking.publicKey) };
    const given = [];
    for (const share of shares.slice(total - quorum)) {
      const { key } = await freshKeyFile('Cato', PASSPHRASE, 10);
      const sealed = toBase64(await sealTo(key.publicKey, share, `custody/con_1/${key.fingerprint}`));
      const part = { custodian_key: key.fingerprint, sealed };
      given.push({ ...part, sealed: await partFor({ consultation: 'con_1', release, part, key }) });
      await assert.rejects(partFor({ consultation: 'con_2', release, part, key }), undefined, 'of another recording');
    }
    const viewing = { ...(await entrusted(secret, raw)), quorum, parts: given };
    const key = await recordingKey(viewing, 'rls_1', asking.privateKey);
    const iv = new Uint8Array(12);
    const theirs = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt']);
    const ciphertext = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, theirs, utf8('a film'));
    assert.deepEqual(
      new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, ciphertext)),
      utf8('a film'),
    );
    await assert.rejects(recordingKey(viewing, 'rls_2', asking.privateKey), undefined, 'for another request');
    await assert.rejects(recordingKey(viewing, 'rls_1', (await freshKeyPair()).privateKey));
  });
}

test('the frames of a part of a film are found, opened, and told when they are not what was sealed', async () => {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const size = 2 * CHUNK_BYTES + 1000;
  const plain = Uint8Array.from({ length: size }, (_, at) => (at * 7) % 251);
  const sealedParts = [utf8('CONSBLB1')];
  for (let index = 0; index * CHUNK_BYTES < size; index += 1) {
    const offset = index * CHUNK_BYTES;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const context = utf8(`blob/recordings/con_1/${index}/${offset}/${offset + CHUNK_BYTES >= size ? 'final' : 'more'}`);
    const chunk = plain.slice(offset, offset + CHUNK_BYTES);
    const ciphertext = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: context }, key, chunk);
    sealedParts.push(new Uint8Array([0, 0, 0, 0, ...iv, ...new Uint8Array(ciphertext)]));
  }
  const sealed = new Uint8Array(await new Blob(sealedParts).arrayBuffer());
  const film = { blob: 'recordings/con_1', size, key };
  for (const [first, length, frames] of [
    [0, size, 16],
    [5, 10, 16],
    [CHUNK_BYTES - 1, 2, 16],
    [2 * CHUNK_BYTES, 1000, 16],
    [10, size - 10, 2],
  ]) {
    const { index, count, begins, end } = placeOf(first, length, frames);
    const bytes = await opened(film, sealed.slice(begins, end), index);
    const skipped = first - index * CHUNK_BYTES;
    const expected = Math.min(length, count * CHUNK_BYTES - skipped);
    assert.deepEqual(bytes.slice(skipped, skipped + expected), plain.slice(first, first + expected));
  }
  const { begins, end } = placeOf(0, CHUNK_BYTES, 1);
  const altered = sealed.slice(begins, end);
  altered[100] ^= 1;
  await assert.rejects(opened(film, altered, 0));
  await assert.rejects(opened(film, sealed.slice(begins, end), 1), undefined, 'in another place');
  await assert.rejects(opened({ ...film, blob: 'recordings/con_2' }, sealed.slice(begins, end), 0));
  assert.deepEqual(fromBase64(toBase64(plain.slice(0, 100))), plain.slice(0, 100));
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';

const STATIC = path.resolve(import.meta.dirname, '../../static');
const VENDOR = path.join(STATIC, 'vendor');
const manifest = JSON.parse(await readFile(path.join(VENDOR, 'vendor.json'), 'utf8'));

const files = (await readdir(VENDOR, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && entry.name !== 'vendor.json')
  .map((entry) => path.relative(VENDOR, path.join(entry.parentPath, entry.name)));

test('every vendored file is listed with its hash, and nothing else lies there', async () => {
  const listed = Object.assign({}, ...Object.values(manifest).map((entry) => entry.sha256));
  assert.deepEqual(files.toSorted(), Object.keys(listed).toSorted());
  for (const [file, hash] of Object.entries(listed)) {
    const bytes = await readFile(path.join(VENDOR, file));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), hash, file);
  }
});

test('every library carries a version and a licence', () => {
  for (const [name, entry] of Object.entries(manifest)) {
    assert.match(entry.version, /^\d+\.\d+\.\d+$/, name);
    assert.ok(
      Object.keys(entry.sha256).some((file) => file.endsWith('LICENSE')),
      name,
    );
  }
});

test('the import map and the preloads name files that exist', async () => {
  const page = await readFile(path.join(STATIC, 'index.html'), 'utf8');
  const map = JSON.parse(/<script type="importmap">([^<]*)<\/script>/.exec(page)?.[1] ?? '{}');
  const preloaded = [...page.matchAll(/(?:href|src)="\/static\/([^"]+)"/g)].map((found) => found[1]);
  const mapped = Object.values(map.imports)
    .filter((address) => !address.endsWith('/'))
    .map((address) => address.replace('/static/', ''));
  assert.ok(mapped.length > 0);
  for (const file of [...mapped, ...preloaded]) await assert.doesNotReject(readFile(path.join(STATIC, file)), file);
});

/**
 * Copies the browser libraries from node_modules to static/vendor, byte for byte, and writes what they are.
 *
 * Run `npm ci && node tools/vendor.mjs` after changing a version in package.json. tests/static/vendor.test.js checks
 * that every file still has the hash written in vendor.json, that every file is listed, and that the import map
 * names them.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const MODULES = path.join(ROOT, 'node_modules');
const VENDOR = path.join(ROOT, 'static', 'vendor');

const DIRECTIVES = ['class-map', 'guard', 'if-defined', 'keyed', 'live', 'ref', 'repeat'];
/** Every module below a package's `esm`. @param {string} name */
const modules = async (name) =>
  (await readdir(path.join(MODULES, name, 'esm'), { recursive: true }))
    .filter((file) => file.endsWith('.js'))
    .map((file) => `esm/${file}`);

const directives = DIRECTIVES.map((name) => `directives/${name}.js`);

/** Package name -> folder in static/vendor and the files that the pages load. */
const PACKAGES = {
  lit: { folder: 'lit', files: ['index.js', ...directives] },
  'lit-html': {
    folder: 'lit-html',
    files: ['lit-html.js', 'is-server.js', 'directive.js', 'directive-helpers.js', 'async-directive.js', ...directives],
  },
  'lit-element': { folder: 'lit-element', files: ['lit-element.js'] },
  '@lit/reactive-element': { folder: 'reactive-element', files: ['reactive-element.js', 'css-tag.js'] },
  '@hpke/core': { folder: 'hpke-core', files: await modules('@hpke/core') },
  '@hpke/common': { folder: 'hpke-common', files: await modules('@hpke/common') },
  'shamir-secret-sharing': { folder: 'shamir-secret-sharing', files: ['esm/index.js', 'esm/csprng.js'] },
  'socket.io-client': { folder: 'socket.io-client', files: ['dist/socket.io.esm.min.js'] },
};

/** @param {Uint8Array} bytes */
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

await rm(VENDOR, { recursive: true, force: true });
/** @type {Record<string, unknown>} */
const manifest = {};
for (const [name, { folder, files }] of Object.entries(PACKAGES)) {
  const from = path.join(MODULES, name);
  const { version, license } = JSON.parse(await readFile(path.join(from, 'package.json'), 'utf8'));
  /** @type {Record<string, string>} */
  const hashes = {};
  for (const file of [...files, 'LICENSE']) {
    const target = path.join(VENDOR, folder, file.replace(/^(dist|esm)\//, ''));
    await mkdir(path.dirname(target), { recursive: true });
    await cp(path.join(from, file), target);
    hashes[path.relative(VENDOR, target)] = sha256(await readFile(target));
  }
  manifest[name] = { version, license, sha256: hashes };
}
await writeFile(path.join(VENDOR, 'vendor.json'), `${JSON.stringify(manifest, null, 2)}\n`);

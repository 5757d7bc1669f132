/** Safari runs on no machine of the tests (docs/BROWSERS.md): what can be read from the modules is checked here. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';

const STATIC = path.resolve(import.meta.dirname, '../../static');

/** What Safari 16.4, the first with import maps, does not have; each is used only where a line asks for it first. */
const LATER = [
  'AbortSignal.any',
  'Iterator.from',
  'MediaStreamTrackProcessor',
  'Object.groupBy',
  'Promise.withResolvers',
  'URL.canParse',
  'checkVisibility',
  'navigator.connection',
  'requestIdleCallback',
  'scheduler.',
  'setSinkId',
  'showPopover',
  'startViewTransition',
];

const modules = (await readdir(STATIC, { recursive: true }))
  .filter((file) => file.endsWith('.js') && !file.startsWith('vendor'))
  .map((file) => ({ file, read: () => readFile(path.join(STATIC, file), 'utf8') }));

const isAskedFor = (name, line) =>
  line.includes(`'${name}' in`) || line.includes(`${name}?.`) || line.includes(`&& ${name} ?`);

test('what Safari 16.4 lacks is used only after asking for it', async () => {
  for (const { file, read } of modules) {
    for (const line of (await read()).split('\n')) {
      const unguarded = LATER.filter((name) => line.includes(name) && !isAskedFor(name, line));
      assert.deepEqual(unguarded, [], `${file}: ${line.trim()}`);
    }
  }
});

test('pictures play in the page instead of full screen, and make no sound of their own in a call', async () => {
  let seen = 0;
  for (const { file, read } of modules) {
    for (const [element] of (await read()).matchAll(/<video\b[^]*?><\/video>/g)) {
      seen += 1;
      assert.match(element, /\splaysinline\b/, file);
      if (file.startsWith(path.join('views', 'call'))) assert.match(element, /\.muted=\$\{true\}/, file);
    }
  }
  assert.ok(seen >= 2);
});

test('camera and microphone are opened in one place', async () => {
  const openers = [];
  for (const { file, read } of modules) if (/\.getUserMedia\(/.test(await read())) openers.push(file);
  assert.deepEqual(openers, [path.join('rtc', 'devices.js')]);
});

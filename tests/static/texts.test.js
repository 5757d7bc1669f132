import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';

const STATIC = path.resolve(import.meta.dirname, '../../static');
const AREAS = (await readdir(path.join(STATIC, 'i18n/en'))).map((file) => file.replace('.js', ''));
const LANGUAGES = ['en', 'zh-CN'];

const textsOf = async (language, area) => (await import(path.join(STATIC, 'i18n', language, `${area}.js`))).default;
const placeholders = (text) =>
  [...(typeof text === 'string' ? text : text.other).matchAll(/\{(\w+)\}/g)].map((found) => found[1]).toSorted();

for (const area of AREAS) {
  test(`${area}: both languages have the same keys and the same placeholders`, async () => {
    const [english, chinese] = await Promise.all(LANGUAGES.map((language) => textsOf(language, area)));
    assert.deepEqual(Object.keys(chinese).toSorted(), Object.keys(english).toSorted());
    for (const key of Object.keys(english))
      assert.deepEqual(placeholders(chinese[key]), placeholders(english[key]), key);
  });

  test(`${area}: Chinese texts use full-width punctuation`, async () => {
    for (const [key, text] of Object.entries(await textsOf('zh-CN', area))) {
      assert.doesNotMatch(
        typeof text === 'string' ? text : text.other,
        /[\u4e00-\u9fff][,;:?!]|[,;:?!][\u4e00-\u9fff]/u,
        key,
      );
    }
  });
}

test('every text that the code asks for exists', async () => {
  const all = new Set((await Promise.all(AREAS.map(async (area) => Object.keys(await textsOf('en', area))))).flat());
  const sources = (await readdir(STATIC, { recursive: true })).filter(
    (file) => file.endsWith('.js') && !file.startsWith('vendor') && !file.startsWith('i18n'),
  );
  for (const file of sources) {
    const source = await readFile(path.join(STATIC, file), 'utf8');
    for (const [, key] of source.matchAll(/\bt\('([^'$]+)'/g)) assert.ok(all.has(key), `${file}: ${key}`);
  }
});

test('every code that the server can refuse with has its words', async () => {
  const all = new Set((await Promise.all(AREAS.map(async (area) => Object.keys(await textsOf('en', area))))).flat());
  const root = path.resolve(STATIC, '..');
  for (const area of ['kernel', 'identity', 'rooms', 'care', 'records', 'signaling', 'server']) {
    const modules = (await readdir(path.join(root, area), { recursive: true })).filter((file) => file.endsWith('.py'));
    for (const file of modules) {
      const source = await readFile(path.join(root, area, file), 'utf8');
      for (const [, code] of source.matchAll(/^ {4}code(?:: ClassVar\[str\])? = "([\w.]+)"/gm))
        assert.ok(all.has(`error.${code}`), `${area}/${file}: ${code}`);
    }
  }
});

test('everything that the policy is asked for has its words in the access log', async () => {
  const texts = await textsOf('en', 'admin');
  const source = await readFile(path.resolve(STATIC, '..', 'care', 'access.py'), 'utf8');
  const actions = [...source.matchAll(/^ {4}[A-Z_]+ = "([a-z]+\.[a-z_]+)"/gm)].map(([, action]) => action);
  assert.ok(actions.length > 20);
  for (const action of actions) assert.ok(texts[`audit.action.${action}`], action);
});

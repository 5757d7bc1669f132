import assert from 'node:assert/strict';
import test from 'node:test';
import {
  errorText,
  formatBytes,
  formatDuration,
  formatList,
  formatRelative,
  formatTime,
  language,
  loadTexts,
  nearestLanguage,
  onLanguage,
  setLanguage,
  t,
} from '../../static/i18n/i18n.js';

const NOON = Date.parse('2026-11-25T12:00:00Z');

test('any Chinese is Chinese, everything else English', () => {
  assert.equal(nearestLanguage('zh-TW'), 'zh-CN');
  assert.equal(nearestLanguage('ZH'), 'zh-CN');
  assert.equal(nearestLanguage('de-CH'), 'en');
  assert.equal(nearestLanguage(null), 'en');
});

test('texts change with the language, and listeners hear of it', async () => {
  await setLanguage('en');
  assert.equal(t('core.cancel'), 'Cancel');
  let heard = 0;
  const end = onLanguage(() => {
    heard += 1;
  });
  await setLanguage('zh-CN');
  end();
  await setLanguage('en');
  assert.equal(heard, 1);
  assert.equal(language(), 'en');
});

test('texts that are asked for while the language changes come in the new one', async () => {
  await setLanguage('en');
  const changed = setLanguage('zh-CN');
  await Promise.all([changed, loadTexts('archive')]);
  assert.equal(t('archive.title'), (await import('../../static/i18n/zh-CN/archive.js')).default['archive.title']);
  await setLanguage('en');
});

test('a text takes its values, and an unknown one is shown as its key', async () => {
  await setLanguage('en');
  assert.equal(t('core.person_menu', { name: 'Ada' }), 'Signed in as Ada');
  assert.equal(t('core.invented'), 'core.invented');
});

test('an error is told by its code, an unknown one in general words', async () => {
  await setLanguage('en');
  assert.match(errorText({ code: 'offline' }), /cannot be reached/);
  assert.equal(errorText(new Error('secret detail')), t('error.internal'));
});

test('times, sizes and lists read as the language reads them', async () => {
  await setLanguage('en');
  assert.match(formatTime(NOON), /^\d\d:\d\d$/);
  assert.equal(formatRelative(NOON + 5 * 60_000, NOON), 'in 5 minutes');
  assert.equal(formatRelative(NOON - 2 * 86_400_000, NOON), '2 days ago');
  assert.equal(formatDuration(245_000), '4:05');
  assert.equal(formatDuration(3_845_000), '1:04:05');
  assert.equal(formatBytes(1_500_000), '1.5 MB');
  assert.equal(formatList(['A', 'B', 'C']), 'A, B, and C');
  await setLanguage('zh-CN');
  assert.equal(formatRelative(NOON + 5 * 60_000, NOON), '5分钟后');
  assert.equal(formatList(['张伟', '林静怡']), '张伟和林静怡');
  await setLanguage('en');
});

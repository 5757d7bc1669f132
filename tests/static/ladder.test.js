import assert from 'node:assert/strict';
import test from 'node:test';
import { rungOf, said, worse } from '../../static/state/ladder.js';

const person = (id, receives = 'high_video', sends = 'high_video') => ({ id, receives, sends });
const words = (me, ...others) => said(me, others)?.words ?? null;

test('somebody stands where the worse of both ways is', () => {
  assert.equal(worse('low_video', 'audio_only'), 'audio_only');
  assert.equal(rungOf(person('a', 'still_picture', 'high_video')), 'still_picture');
});

test('a good connection is not spoken of, nor a smaller picture of somebody else', () => {
  assert.equal(words(person('me'), person('them')), null);
  assert.equal(words(person('me'), person('them', 'low_video')), null);
  assert.equal(words(person('me', 'low_video'), person('them')), 'mine_low_video');
});

test('both sides are told, each in its own words', () => {
  const weak = person('weak', 'audio_only');
  const good = person('good');
  assert.equal(words(weak, good), 'mine_audio_only');
  assert.equal(words(good, weak), 'their_audio_only');
});

test('a way that only brings no picture has words of its own', () => {
  const weak = person('weak', 'high_video', 'audio_only');
  assert.equal(words(weak, person('good')), 'mine_sends');
  assert.equal(words(person('good'), weak), 'their_sends');
});

test('of several people the one who is worst off is spoken of', () => {
  const others = [person('a', 'still_picture'), person('b', 'live_text', 'live_text'), person('c', 'audio_only')];
  assert.equal(said(person('me'), others)?.person.id, 'b');
});

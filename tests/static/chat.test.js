import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation, emptyChat, reduceChat, typists } from '../../static/state/chat.js';
import { emptyRoom, reduceRoom } from '../../static/state/room.js';

const [ME, OTHER] = ['pat_me', 'usr_other'];
const NOON = '2026-11-25T12:00:00.000Z';

const people = [
  { kind: 'participant_arrived', participant: OTHER, role: 'clinician', name: 'Dr Berg', language: 'en' },
  { kind: 'participant_arrived', participant: ME, role: 'patient', name: 'Ada', language: 'en' },
];
const roomWith = (...facts) =>
  [...people, ...facts].reduce(
    (room, fact, index) => reduceRoom(room, { seq: index + 1, at: NOON, ...fact }),
    emptyRoom,
  );
const posted = (author, id, text) => ({
  kind: 'message_posted',
  author,
  client_message_id: id,
  body: { scheme: 'server', text },
  attachments: [],
});
const chatAfter = (...actions) => actions.reduce(reduceChat, emptyChat);
const composed = (id, text) => ({ type: 'composed', id, text, attachments: [], at: NOON });

test('a message is shown at once, as on its way', () => {
  const [entry] = conversation(roomWith(), chatAfter(composed('m1', 'hello')), ME);
  assert.deepEqual([entry.text, entry.state, entry.mine, entry.seq], ['hello', 'sending', true, null]);
});

test('composing the same id twice makes one message', () => {
  assert.equal(chatAfter(composed('m1', 'hello'), composed('m1', 'hello')).outgoing.length, 1);
});

test('it counts as sent when the room has it, and is then shown once', () => {
  const room = roomWith(posted(ME, 'm1', 'hello'));
  const before = conversation(room, chatAfter(composed('m1', 'hello')), ME); // the event came before the action
  assert.deepEqual(
    before.map(({ key, state }) => [key, state]),
    [['m1', 'sent']],
  );
  const chat = chatAfter(composed('m1', 'hello'), { type: 'posted', id: 'm1', author: ME, mine: true });
  assert.deepEqual(chat.outgoing, []);
});

test('its key stays the same from composing to delivery, so that the line on the page stays the same', () => {
  const [onItsWay] = conversation(roomWith(), chatAfter(composed('m1', 'hello')), ME);
  const [delivered] = conversation(roomWith(posted(ME, 'm1', 'hello')), emptyChat, ME);
  assert.equal(onItsWay.key, delivered.key);
});

test('the same id of somebody else is another message', () => {
  const entries = conversation(roomWith(posted(OTHER, 'm1', 'theirs')), chatAfter(composed('m1', 'mine')), ME);
  assert.deepEqual(
    entries.map(({ text }) => text),
    ['theirs', 'mine'],
  );
  assert.notEqual(entries[0].key, entries[1].key);
});

test('a refused message says why and can be tried again as the same message, or discarded', () => {
  const failed = chatAfter(composed('m1', 'hello'), { type: 'failed', id: 'm1', code: 'room.not_admitted' });
  assert.deepEqual([failed.outgoing[0].state, failed.outgoing[0].errorCode], ['failed', 'room.not_admitted']);
  const retried = reduceChat(failed, { type: 'retried', id: 'm1' });
  assert.deepEqual(
    [retried.outgoing[0].id, retried.outgoing[0].state, retried.outgoing[0].errorCode],
    ['m1', 'sending', ''],
  );
  assert.deepEqual(reduceChat(failed, { type: 'discarded', id: 'm1' }).outgoing, []);
});

test('a message is read when anybody else has read so far', () => {
  const room = roomWith(
    posted(ME, 'm1', 'one'),
    { kind: 'messages_read', participant: OTHER, up_to: 3 },
    posted(ME, 'm2', 'two'),
  );
  assert.deepEqual(
    conversation(room, emptyChat, ME).map(({ state }) => state),
    ['read', 'sent'],
  );
});

test('own reading does not count', () => {
  const room = roomWith(posted(ME, 'm1', 'one'), { kind: 'messages_read', participant: ME, up_to: 3 });
  assert.equal(conversation(room, emptyChat, ME)[0].state, 'sent');
});

test('typing is shown by name until its time is over or the message is there', () => {
  const room = roomWith();
  const typing = chatAfter({ type: 'typing', participant: OTHER, until: 4000 });
  assert.deepEqual(typists(room, typing, ME), ['Dr Berg']);
  assert.deepEqual(typists(room, reduceChat(typing, { type: 'typing_checked', now: 3999 }), ME), ['Dr Berg']);
  assert.deepEqual(typists(room, reduceChat(typing, { type: 'typing_checked', now: 4000 }), ME), []);
  assert.deepEqual(typists(room, reduceChat(typing, { type: 'posted', id: 'x', author: OTHER, mine: false }), ME), []);
});

test('checking without anybody typing changes nothing', () => {
  assert.equal(reduceChat(emptyChat, { type: 'typing_checked', now: 1 }), emptyChat);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { Emitter } from '../../static/net/emitter.js';
import { probeMedia } from '../../static/rtc/probe.js';

const SDP = 'v=0\r\na=candidate:1 1 udp 2113929471 192.0.2.1 8081 typ host\r\n';
const OFFER = { generation: 1, sdp: SDP, publish: { 0: 'microphone' }, receive: {}, probe: true };
const TURN = [{ urls: ['turn:turn.example:3478'], username: 'u', credential: 'c' }];
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A session that remembers what it was asked; `answers` refuse by throwing. */
class FakeSession extends Emitter {
  constructor(answers = {}) {
    super();
    this.asked = [];
    this.answers = { media_probe: () => ({ ok: true, ice_servers: TURN }), ...answers };
  }

  async request(event, payload) {
    this.asked.push([event, payload]);
    return this.answers[event]?.(payload) ?? { ok: true };
  }

  count(event) {
    return this.asked.filter(([name]) => name === event).length;
  }
}

class FakePeer extends EventTarget {
  constructor(configuration) {
    super();
    Object.assign(this, { configuration, connectionState: 'new', closed: false });
    this.sections = [{ direction: 'recvonly' }];
  }

  async setRemoteDescription(description) {
    this.remoteDescription = description;
  }

  getTransceivers() {
    return this.sections;
  }

  async createAnswer() {
    return { type: 'answer', sdp: `answer to ${this.remoteDescription.sdp}` };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
  }

  becomes(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  close() {
    this.closed = true;
  }
}

function start({ session = new FakeSession(), ...options } = {}) {
  const peers = [];
  const createPeer = (configuration) => {
    peers.push(new FakePeer(configuration));
    return peers[0];
  };
  return { session, peers, result: probeMedia({ session, createPeer, ...options }) };
}

test('it answers the offer as a call would, without anything to send, and leaves nothing behind', async () => {
  const { session, peers, result } = start();
  session.emit('media_offer', { ...OFFER, probe: undefined, sdp: 'of a call' });
  session.emit('media_offer', OFFER); // may come before the acknowledgement
  await settled();
  const [peer] = peers;
  assert.deepEqual(peer.configuration.iceServers, TURN);
  assert.equal(peer.sections[0].direction, 'sendonly');
  assert.deepEqual(session.asked.at(-1), ['media_answer', { generation: 1, sdp: `answer to ${SDP}`, probe: true }]);
  peer.becomes('connecting');
  peer.becomes('connected');
  assert.deepEqual(await result, { through: true, port: '8081' });
  assert.ok(peer.closed);
  assert.deepEqual(session.asked.at(-1), ['media_leave', { probe: true }]);
  session.emit('media_offer', OFFER); // nobody listens any more
  await settled();
  assert.equal(session.count('media_answer'), 1);
});

test('what does not connect in time is blocked, and so is what the browser gives up', async () => {
  for (const fail of [() => {}, (peer) => peer.becomes('failed')]) {
    const { session, peers, result } = start({ withinMs: 30 });
    session.emit('media_offer', OFFER);
    await settled();
    fail(peers[0]);
    assert.deepEqual(await result, { through: false, port: '8081' });
    assert.ok(peers[0].closed);
    assert.equal(session.count('media_leave'), 1);
  }
});

test('a server that refuses or says nothing is no verdict about the network', async () => {
  const refusing = new FakeSession({
    media_probe: () => {
      throw new Error('overloaded');
    },
  });
  const refused = start({ session: refusing });
  await assert.rejects(refused.result, /overloaded/);
  assert.deepEqual([refused.peers.length, refusing.count('media_leave')], [0, 0]);
  const silent = start({ withinMs: 10 });
  await assert.rejects(silent.result);
  assert.ok(silent.peers[0].closed);
  assert.equal(silent.session.count('media_leave'), 1);
});

test('it ends at once when the page is left', async () => {
  const leaving = new AbortController();
  const { session, peers, result } = start({ signal: leaving.signal });
  session.emit('media_offer', OFFER);
  await settled();
  leaving.abort();
  await assert.rejects(result, { name: 'AbortError' });
  assert.ok(peers[0].closed);
  assert.equal(session.count('media_leave'), 1);
});

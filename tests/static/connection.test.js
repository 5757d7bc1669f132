import assert from 'node:assert/strict';
import test from 'node:test';
import { MediaConnection } from '../../static/rtc/connection.js';

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const PUBLISH = { 0: 'microphone', 1: 'camera', 2: 'screen' };
const offer = (generation, receive = {}) => ({ generation, sdp: `offer ${generation}`, publish: PUBLISH, receive });
const camera = { kind: 'video', id: 'own-camera' };

class FakeSender {
  constructor() {
    this.track = null;
    this.rids = [undefined];
  }

  async replaceTrack(track) {
    this.track = track;
  }

  getParameters() {
    return structuredClone(this.parameters ?? { encodings: this.rids.map((rid) => ({ rid })) });
  }

  async setParameters(parameters) {
    this.parameters = parameters;
  }

  /** The layers that it sends. */
  get sent() {
    return this.parameters.encodings.filter(({ active }) => active).map(({ rid }) => rid);
  }
}

/** Sections 0 to 4; counts negotiations that overlap. */
class FakePeer extends EventTarget {
  constructor() {
    super();
    this.sections = ['0', '1', '2', '3', '4'].map((mid) => ({
      mid,
      direction: 'recvonly',
      sender: new FakeSender(),
      receiver: { track: { id: `track-${mid}`, kind: 'video' } },
    }));
    Object.assign(this, {
      configuration: null,
      iceConnectionState: 'new',
      signalingState: 'stable',
      closed: false,
      remoteDescription: null,
      busy: 0,
      overlapped: false,
      rate: 0, // octets that come between two looks
      received: 0,
    });
  }

  async getStats() {
    this.received += this.rate;
    return new Map([['T01', { type: 'transport', bytesReceived: this.received }]]);
  }

  async setRemoteDescription(description) {
    this.busy += 1;
    this.overlapped ||= this.busy > 1;
    await settled();
    this.remoteDescription = description;
  }

  async createAnswer() {
    return { type: 'answer', sdp: `answer to ${this.remoteDescription.sdp}` };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
    this.busy -= 1;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  getTransceivers() {
    return this.sections;
  }

  getSenders() {
    return this.sections.map(({ sender }) => sender);
  }

  close() {
    this.closed = true;
  }

  ice(state) {
    this.iceConnectionState = state;
    this.dispatchEvent(new Event('iceconnectionstatechange'));
  }
}

function start({ join = async () => ({ ice_servers: [] }) } = {}) {
  const peers = [];
  const said = [];
  const signal = {
    join: () => {
      said.push('join');
      return join();
    },
    answer: async (generation, sdp) => said.push(`${generation}: ${sdp}`),
    restart: async () => said.push('restart'),
    leave: async () => said.push('leave'),
  };
  const connection = new MediaConnection({
    signal,
    createPeer: () => {
      peers.push(new FakePeer());
      return peers.at(-1);
    },
  });
  return { connection, peers, said };
}

test('an offer that comes before the answer to the join is kept and answered', async () => {
  let admit;
  const { connection, said } = start({
    join: () =>
      new Promise((resolve) => {
        admit = resolve;
      }),
  });
  const started = connection.start();
  connection.offered(offer(1));
  admit({ ice_servers: [] });
  await started;
  await settled();
  await settled();
  assert.deepEqual(said, ['join', '1: answer to offer 1']);
  connection.stop();
});

test('offers are answered one after another', async () => {
  const { connection, peers, said } = start();
  await connection.start();
  connection.offered(offer(1));
  connection.offered(offer(2));
  connection.offered(offer(3));
  await settled();
  await settled();
  await settled();
  await settled();
  assert.deepEqual(said.slice(1), ['1: answer to offer 1', '2: answer to offer 2', '3: answer to offer 3']);
  assert.equal(peers[0].overlapped, false);
  assert.equal(peers.length, 1);
  connection.stop();
});

test('what we send goes into the section that the offer names for it, before the answer', async () => {
  const { connection, peers } = start();
  await connection.publish('camera', camera);
  await connection.start();
  connection.offered(offer(1));
  await settled();
  await settled();
  const [, section] = peers[0].sections;
  assert.equal(section.sender.track, camera);
  assert.equal(section.direction, 'sendonly');
  assert.equal(section.sender.parameters.encodings[0].maxBitrate, 1_700_000);
  await connection.publish('camera', null);
  assert.equal(section.sender.track, null);
  connection.stop();
});

test('what we receive is named by the offer, and forgotten when the offer no longer names it', async () => {
  const { connection } = start();
  await connection.start();
  connection.offered(offer(1, { 3: { participant: 'usr_doctor', source: 'camera' } }));
  await settled();
  await settled();
  assert.equal(connection.remote('usr_doctor', 'camera')?.id, 'track-3');
  connection.offered(offer(2, { 3: { participant: 'inv_guest', source: 'camera' } }));
  await settled();
  await settled();
  assert.equal(connection.remote('usr_doctor', 'camera'), null);
  assert.equal(connection.remote('inv_guest', 'camera')?.id, 'track-3');
  connection.stop();
});

test('a broken path asks for new ICE credentials on the same connection', async () => {
  const { connection, peers, said } = start();
  await connection.start();
  connection.offered(offer(1));
  await settled();
  await settled();
  peers[0].ice('connected');
  assert.equal(connection.status, 'connected');
  peers[0].ice('failed');
  assert.equal(connection.status, 'reconnecting');
  await settled();
  assert.equal(said.at(-1), 'restart');
  connection.offered(offer(2));
  await settled();
  await settled();
  peers[0].ice('connected');
  assert.deepEqual([connection.status, peers.length], ['connected', 1]);
  connection.stop();
});

test('restarts are not asked for more often than every three seconds', async () => {
  const { connection, said } = start();
  await connection.start();
  connection.told('silent');
  connection.told('silent');
  connection.restart();
  assert.equal(said.filter((word) => word === 'restart').length, 1);
  connection.stop();
});

test('after a time without a socket new credentials are asked for at once, on the same connection', async () => {
  const { connection, peers, said } = start();
  assert.equal(await connection.resume(), false); // nothing has begun
  await connection.start();
  connection.offered(offer(1));
  await settled();
  await settled();
  connection.restart();
  assert.equal(await connection.resume(), false); // nothing comes
  peers[0].rate = 100;
  assert.equal(await connection.resume(), true);
  assert.deepEqual(said.filter((word) => word === 'restart').length, 2);
  assert.equal(peers.length, 1);
  connection.stop();
});

test('beginning anew keeps the old connection, for its last pictures, until the new one stands', async () => {
  const { connection, peers } = start();
  await connection.start();
  connection.offered(offer(1));
  await settled();
  await settled();
  peers[0].ice('connected');
  connection.told('gone');
  await settled();
  assert.equal(peers[0].closed, false);
  connection.offered(offer(1));
  await settled();
  await settled();
  peers[1].ice('connected');
  assert.equal(peers[0].closed, true);
  connection.stop();
});

test('who is not taken in when beginning anew tries again, until taken in', async (t) => {
  let refusals = 2;
  const answers = async () => {
    if (said.length > 1 && refusals-- > 0) throw new Error('overloaded');
    return { ice_servers: [] };
  };
  const { connection, peers, said } = start({ join: answers });
  const told = () => new Promise((resolve) => setImmediate(resolve));
  await connection.start();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  connection.told('gone');
  await told();
  assert.deepEqual([said.length, peers.length], [2, 1]);
  t.mock.timers.tick(3000);
  await told();
  assert.deepEqual([said.length, peers.length], [3, 1]);
  t.mock.timers.tick(3000);
  await told();
  assert.deepEqual([said.length, peers.length], [4, 2]);
  t.mock.timers.tick(30_000);
  assert.equal(said.length, 4);
  connection.stop();
});

test('after stopping nobody tries to begin anew', async (t) => {
  const { connection, said } = start({ join: () => Promise.reject(new Error('overloaded')) });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  connection.status = 'connected';
  connection.told('gone');
  await new Promise((resolve) => setImmediate(resolve));
  connection.stop();
  t.mock.timers.tick(30_000);
  assert.deepEqual(said, ['join', 'leave']);
});

test('a first generation on a connection that is in use means that the server began anew', async () => {
  const { connection, peers } = start();
  await connection.start();
  connection.offered(offer(1));
  await settled();
  await settled();
  connection.offered(offer(1));
  await settled();
  await settled();
  assert.equal(peers.length, 2);
  connection.stop();
});

test('a late offer of an earlier connection is not answered', async () => {
  const { connection, said } = start();
  await connection.start();
  connection.offered(offer(7));
  connection.offered(offer(1));
  await settled();
  await settled();
  assert.deepEqual(said.slice(1), ['1: answer to offer 1']);
  connection.stop();
});

test('after stopping everything is closed, and offers find nobody', async () => {
  const { connection, peers, said } = start();
  await connection.start();
  connection.offered(offer(1, { 3: { participant: 'usr_doctor', source: 'camera' } }));
  await settled();
  await settled();
  connection.stop();
  connection.offered(offer(2));
  await settled();
  assert.equal(peers[0].closed, true);
  assert.equal(connection.remote('usr_doctor', 'camera'), null);
  assert.equal(said.at(-1), 'leave');
});

test('new credentials are put in place on the connection that is there', async () => {
  const { connection, peers, said } = start();
  const iceServers = [{ urls: ['turn:turn.example'], username: '2:x', credential: 'new' }];
  connection.renewed(iceServers); // too early: nothing to put it on
  await connection.start();
  assert.equal(peers[0].configuration, null);
  connection.renewed(iceServers);
  assert.deepEqual(peers[0].configuration, { iceServers, bundlePolicy: 'max-bundle' });
  assert.equal(peers.length, 1);
  assert.deepEqual(said, ['join']);
  connection.stop();
  connection.renewed(iceServers);
});

test('a connection that the server begins anew uses the newest credentials', async () => {
  const made = [];
  const connection = new MediaConnection({
    signal: {
      join: async () => ({ ice_servers: [{ urls: ['turn:turn.example'], username: '1:x' }] }),
      answer: async () => {},
      restart: async () => {},
      leave: async () => {},
    },
    createPeer: (configuration) => {
      made.push(configuration.iceServers[0].username);
      return new FakePeer();
    },
  });
  await connection.start();
  connection.offered(offer(1));
  await settled();
  await settled();
  connection.renewed([{ urls: ['turn:turn.example'], username: '2:x' }]);
  connection.offered(offer(1));
  await settled();
  await settled();
  assert.deepEqual(made, ['1:x', '2:x']);
  connection.stop();
});

/** A connection whose camera section is negotiated, with these layers. */
async function sendingIn(rids, picture) {
  const { connection, peers } = start();
  await connection.start();
  peers[0].sections[1].sender.rids = rids;
  await connection.publish('camera', { ...camera, getSettings: () => picture });
  connection.offered(offer(1));
  await settled();
  await settled();
  return { connection, sender: peers[0].sections[1].sender };
}

test('a camera is sent in all layers, then in those that somebody receives', async () => {
  const { connection, sender } = await sendingIn(['l', 'm', 'h'], { width: 1280, height: 720 });
  assert.deepEqual(sender.sent, ['l', 'm', 'h']);
  await Promise.all([connection.wanted('camera', ['h']), connection.wanted('camera', ['l', 'h'])]);
  assert.deepEqual(sender.sent, ['l', 'h']);
  await connection.wanted('camera', []);
  assert.deepEqual(sender.sent, []);
  await connection.wanted('camera', ['l', 'm', 'h']);
  assert.deepEqual(sender.sent, ['l', 'm', 'h']);
  connection.stop();
});

test('another camera is sent in the layers that are wanted now', async () => {
  const { connection, sender } = await sendingIn(['l', 'm', 'h'], { width: 1280, height: 720 });
  await connection.wanted('camera', ['m']);
  await connection.publish('camera', { ...camera, getSettings: () => ({ width: 320, height: 240 }) });
  assert.deepEqual(sender.sent, ['l']); // so small a picture has no other
  await connection.publish('camera', { ...camera, getSettings: () => ({ width: 640, height: 480 }) });
  assert.deepEqual(sender.sent, ['m']);
  connection.stop();
});

test('the one layer of a browser that knows no others is sent when any is wanted', async () => {
  const { connection, sender } = await sendingIn([undefined], { width: 1280, height: 720 });
  await connection.wanted('camera', []);
  assert.equal(sender.parameters.encodings[0].active, false);
  await connection.wanted('camera', ['h']);
  assert.equal(sender.parameters.encodings[0].active, true);
  connection.stop();
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { LocalMedia } from '../../static/rtc/devices.js';
import {
  accessAfter,
  deviceState,
  emptyDevices,
  interrupted,
  reduceDevices,
  wanted,
} from '../../static/state/devices.js';

const FRONT = { kind: 'videoinput', deviceId: 'front', label: 'Front camera' };
const BACK = { kind: 'videoinput', deviceId: 'back', label: 'Back camera' };
const HEADSET = { kind: 'audioinput', deviceId: 'headset', label: 'Headset' };
const DESK = { kind: 'audioinput', deviceId: 'desk', label: 'Desk microphone' };

class FakeTrack extends EventTarget {
  constructor(kind, deviceId) {
    super();
    Object.assign(this, { kind, deviceId, readyState: 'live', enabled: true, muted: false });
  }

  stop() {
    this.readyState = 'ended';
  }

  getSettings() {
    return { deviceId: this.deviceId };
  }

  /** What a phone call does to it, and its end undoes. */
  interrupt(muted) {
    this.muted = muted;
    this.dispatchEvent(new Event(muted ? 'mute' : 'unmute'));
  }

  unplug() {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

/** A browser with these devices; refuses what is named in `refused`, and opening a kind of which one is open. */
class FakeMediaDevices extends EventTarget {
  constructor(devices, refused = {}) {
    super();
    Object.assign(this, { devices, refused, asked: 0 });
    this.open = { audioinput: null, videoinput: null };
  }

  async enumerateDevices() {
    return this.devices;
  }

  async getUserMedia({ audio, video }) {
    this.asked += 1;
    const tracks = [];
    for (const [kind, constraints] of [
      ['audioinput', audio],
      ['videoinput', video],
    ]) {
      if (!constraints) continue;
      if (this.refused[kind]) throw new DOMException('refused', this.refused[kind]);
      assert.notEqual(this.open[kind]?.readyState, 'live', 'a second device of a kind was opened beside the first');
      const id = constraints.deviceId?.exact ?? this.devices.find((device) => device.kind === kind)?.deviceId;
      if (!this.devices.some((device) => device.deviceId === id)) throw new DOMException('none', 'NotFoundError');
      tracks.push(new FakeTrack(kind === 'audioinput' ? 'audio' : 'video', id));
    }
    for (const track of tracks) this.open[track.kind === 'audio' ? 'audioinput' : 'videoinput'] = track; // all or nothing
    return {
      getAudioTracks: () => tracks.filter(({ kind }) => kind === 'audio'),
      getVideoTracks: () => tracks.filter(({ kind }) => kind === 'video'),
    };
  }
}

const media = (devices, refused) => {
  const mediaDevices = new FakeMediaDevices(devices, refused);
  return { mediaDevices, local: new LocalMedia({ mediaDevices, storage: null }) };
};

test('a chosen device is found again by its label when the browser gave it a new id', () => {
  const found = reduceDevices(emptyDevices, { type: 'found', devices: [{ ...BACK, deviceId: 'new-id' }, FRONT] });
  const state = reduceDevices(found, { type: 'chosen', kind: 'camera', device: { id: 'back', label: 'Back camera' } });
  assert.equal(wanted(state, 'camera')?.id, 'new-id');
  assert.equal(wanted(state, 'microphone'), null);
});

test('nameless devices, listed before permission, are no choice', () => {
  const state = reduceDevices(emptyDevices, {
    type: 'found',
    devices: [{ kind: 'videoinput', deviceId: '', label: '' }],
  });
  assert.deepEqual(state.found.camera, []);
});

test('a refusal is understood', () => {
  assert.equal(accessAfter('NotAllowedError'), 'blocked');
  assert.equal(accessAfter('NotFoundError'), 'absent');
  assert.equal(accessAfter('NotReadableError'), 'busy');
});

test('the doctor hears of a microphone that delivers nothing', () => {
  assert.equal(deviceState('open', { silent: true }), 'silent');
  assert.equal(deviceState('open'), 'ok');
  assert.equal(deviceState('off'), 'unknown');
});

test('camera and microphone are asked for in one question', async () => {
  const { mediaDevices, local } = media([FRONT, HEADSET]);
  await local.open();
  assert.equal(mediaDevices.asked, 1);
  assert.deepEqual(local.state.access, { microphone: 'open', camera: 'open' });
  local.close();
});

test('without a camera the microphone still opens', async () => {
  const { local } = media([HEADSET]);
  await local.open();
  assert.deepEqual(local.state.access, { microphone: 'open', camera: 'absent' });
  local.close();
});

test('a blocked camera leaves the microphone', async () => {
  const { local } = media([FRONT, HEADSET], { videoinput: 'NotAllowedError' });
  await local.open();
  assert.deepEqual(local.state.access, { microphone: 'open', camera: 'blocked' });
  local.close();
});

test('a page without media devices says so instead of failing', async () => {
  const local = new LocalMedia({ mediaDevices: undefined, storage: null });
  await local.open();
  assert.deepEqual(local.state.access, { microphone: 'absent', camera: 'absent' });
});

test('another device is opened only after the first is closed', async () => {
  const { local } = media([FRONT, BACK, HEADSET, DESK]);
  await local.open();
  const [first] = [local.tracks.camera];
  await local.choose('camera', { id: 'back', label: 'Back camera' });
  assert.equal(first.readyState, 'ended');
  assert.equal(local.tracks.camera.deviceId, 'back');
  await local.choose('microphone', { id: 'desk', label: 'Desk microphone' });
  assert.equal(local.tracks.microphone.deviceId, 'desk');
  local.close();
});

test('turning the camera off closes it, muting keeps the microphone open', async () => {
  const { local } = media([FRONT, HEADSET]);
  await local.open();
  const { camera, microphone } = local.tracks;
  await local.setCamera(false);
  await local.setMicrophone(false);
  assert.equal(camera.readyState, 'ended');
  assert.equal(local.tracks.camera, null);
  assert.equal(local.state.access.camera, 'off');
  assert.deepEqual([microphone.readyState, microphone.enabled], ['live', false]);
  await local.setCamera(true);
  assert.equal(local.tracks.camera.readyState, 'live');
  local.close();
});

test('a muted microphone stays muted when it is changed', async () => {
  const { local } = media([HEADSET, DESK]);
  await local.open({ camera: false });
  await local.setMicrophone(false);
  await local.choose('microphone', { id: 'desk', label: 'Desk microphone' });
  assert.equal(local.tracks.microphone.enabled, false);
  local.close();
});

test('when a device is unplugged another one takes over, and the loss is told', async () => {
  const { mediaDevices, local } = media([HEADSET, DESK]);
  await local.open({ camera: false });
  const lost = [];
  local.on('lost', (kind) => lost.push(kind));
  mediaDevices.devices = [DESK];
  local.tracks.microphone.unplug();
  await local.refresh();
  await local._turn;
  assert.deepEqual(lost, ['microphone']);
  assert.equal(local.tracks.microphone.deviceId, 'desk');
  local.close();
});

test('a phone call silences the microphone, and the system gives it back', async () => {
  const { mediaDevices, local } = media([FRONT, HEADSET]);
  await local.open();
  const { microphone } = local.tracks;
  microphone.interrupt(true);
  assert.equal(interrupted(local.state, local.muted), 'microphone');
  microphone.interrupt(false);
  assert.equal(interrupted(local.state, local.muted), 'none');
  await local.recover();
  assert.equal(local.tracks.microphone, microphone, 'what came back by itself is left alone');
  assert.equal(mediaDevices.asked, 1);
  local.close();
});

test('what the system does not give back is closed and opened again', async () => {
  const { local } = media([FRONT, HEADSET]);
  await local.open();
  const { microphone, camera } = local.tracks;
  microphone.interrupt(true);
  camera.interrupt(true);
  assert.equal(interrupted(local.state, local.muted), 'both');
  await local.recover();
  assert.deepEqual([microphone.readyState, camera.readyState], ['ended', 'ended']);
  assert.equal(interrupted(local.state, local.muted), 'none');
  assert.deepEqual(local.state.access, { microphone: 'open', camera: 'open' });
  local.close();
});

test('a track that a call has ended comes back when the call is over', async () => {
  const { mediaDevices, local } = media([FRONT, HEADSET]);
  await local.open();
  mediaDevices.refused.audioinput = 'NotReadableError';
  local.tracks.microphone.unplug();
  await local._turn;
  assert.equal(interrupted(local.state, local.muted), 'microphone');
  await local.recover(); // still in the phone call
  assert.equal(interrupted(local.state, local.muted), 'microphone');
  delete mediaDevices.refused.audioinput;
  await local.recover();
  assert.equal(interrupted(local.state, local.muted), 'none');
  assert.equal(local.tracks.microphone.readyState, 'live');
  local.close();
});

test('the person returns to the page: what is still held is opened again', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const page = Object.assign(new EventTarget(), { hidden: false });
  const mediaDevices = new FakeMediaDevices([FRONT, HEADSET]);
  const local = new LocalMedia({ mediaDevices, storage: null, page });
  await local.open();
  const { camera } = local.tracks;
  const turnTo = (hidden) => {
    page.hidden = hidden;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  camera.interrupt(true);
  turnTo(true);
  context.mock.timers.tick(60_000);
  await local._turn;
  assert.equal(local.tracks.camera, camera, 'nothing is opened behind the person’s back');
  turnTo(false);
  context.mock.timers.tick(1000);
  await local._turn;
  assert.notEqual(local.tracks.camera, camera);
  assert.equal(local.tracks.camera.readyState, 'live');
  local.close();
});

test('a device the person has turned off is not missed', async () => {
  const { mediaDevices, local } = media([FRONT, HEADSET]);
  await local.open();
  local.tracks.camera.interrupt(true);
  await local.setCamera(false);
  await local.setMicrophone(false);
  local.tracks.microphone.interrupt(true);
  assert.equal(interrupted(local.state, local.muted), 'none');
  await local.recover();
  assert.equal(local.tracks.camera, null);
  assert.equal(mediaDevices.asked, 2);
  local.close();
});

test('after release everything is dark, and opening brings it back', async () => {
  const { local } = media([FRONT, HEADSET]);
  await local.open();
  const { camera } = local.tracks;
  local.release();
  assert.equal(camera.readyState, 'ended');
  await local.open();
  assert.equal(local.tracks.camera.readyState, 'live');
  local.close();
});

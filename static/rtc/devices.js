// @ts-check
/**
 * This person's microphone, camera and screen: opened once, changed while in use, closed with the page.
 *
 * The system may take a device for itself, as a phone does for a call: it silences the track (`mute`, and `unmute` when it
 * gives it back) or ends it. What does not come back by itself is opened again when the person returns to the page.
 *
 * A device is always closed before another of its kind is opened: Safari silences the first when a second is opened,
 * and many phones can open only one camera. Turning the camera off closes it, so that its light goes out; muting the
 * microphone keeps it open, so that it is back at once.
 */
import { Emitter } from '../net/emitter.js';
import { accessAfter, emptyDevices, reduceDevices, wanted } from '../state/devices.js';

/** @typedef {import('../state/devices.js').DevicesState} DevicesState */
/** @typedef {import('../state/devices.js').Device} Device */
/** @typedef {'microphone' | 'camera'} Capture */
/** @typedef {'microphone' | 'camera' | 'screen'} Source */

const RETURN_MS = 1000; // the system gives most devices back by itself by then
const STORED_AS = 'consilium.devices';
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

/** @extends {Emitter<{ changed: [], lost: [Capture], screen_ended: [] }>} */
export class LocalMedia extends Emitter {
  /** @param {{ mediaDevices?: MediaDevices, storage?: Storage | null, page?: Document | undefined }} [parts] */
  constructor({
    mediaDevices = globalThis.navigator?.mediaDevices,
    storage = localStorageOrNull(),
    page = globalThis.document,
  } = {}) {
    super();
    this._media = mediaDevices;
    this._storage = storage;
    this._page = page;
    /** @type {DevicesState} */
    this.state = { ...emptyDevices, chosen: this._remembered() };
    /** @type {Record<Source, MediaStreamTrack | null>} */
    this.tracks = { microphone: null, camera: null, screen: null };
    /** The person's own choice; a camera that is off has no track. */
    this.muted = { microphone: false, camera: false };
    /** @type {'user' | 'environment'} */
    this.facing = 'user';
    this._onDeviceChange = () => this.refresh();
    this._media?.addEventListener?.('devicechange', this._onDeviceChange);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._returning = undefined;
    this._onVisibility = () => {
      clearTimeout(this._returning);
      if (!page?.hidden) this._returning = setTimeout(() => this.recover(), RETURN_MS);
    };
    page?.addEventListener('visibilitychange', this._onVisibility);
    /** Openings follow each other. @type {Promise<unknown>} */
    this._turn = Promise.resolve();
  }

  /** Whether this browser can give camera and microphone at all (no: an insecure page, or an in-app browser). */
  get possible() {
    return typeof this._media?.getUserMedia === 'function';
  }

  get canShareScreen() {
    return typeof this._media?.getDisplayMedia === 'function';
  }

  /** Whether there may be a camera on the other side of the phone. */
  get canFlip() {
    return this.state.found.camera.length > 1;
  }

  /**
   * Ask for microphone and camera, in one question where the browser allows it. Never throws: `state.access` says how
   * it went.
   * @param {{ microphone?: boolean, camera?: boolean }} [which]
   */
  open({ microphone = true, camera = true } = {}) {
    return this._inTurn(() => this._open({ microphone, camera }));
  }

  /** @param {{ microphone: boolean, camera: boolean }} which */
  async _open({ microphone, camera }) {
    const needed = /** @type {Capture[]} */ (['microphone', 'camera']).filter(
      (kind) => (kind === 'microphone' ? microphone : camera) && !isLive(this.tracks[kind]),
    );
    if (needed.length === 0) return;
    if (!this.possible) {
      for (const kind of needed) this._access(kind, 'absent');
      return;
    }
    for (const kind of needed) this._access(kind, 'asking');
    if (needed.length === 2 && (await this._capture(needed)) === null) {
      await this.refresh();
      return;
    }
    for (const kind of needed) {
      if (isLive(this.tracks[kind])) continue;
      const problem = await this._capture([kind]);
      if (problem) this._access(kind, problem);
    }
    await this.refresh();
  }

  /**
   * Use another device of a kind from now on; the call goes on meanwhile.
   * @param {import('../state/devices.js').Kind} kind @param {Device} device
   */
  choose(kind, device) {
    this._apply({ type: 'chosen', kind, device });
    this._remember();
    if (kind === 'speaker') return Promise.resolve();
    if (kind === 'camera' && this.muted.camera) return Promise.resolve();
    return this._inTurn(() => this._reopen(kind));
  }

  /** @param {boolean} on */
  setMicrophone(on) {
    this.muted = { ...this.muted, microphone: !on };
    if (this.tracks.microphone) this.tracks.microphone.enabled = on;
    this.emit('changed');
    if (on && !isLive(this.tracks.microphone)) return this.open({ microphone: true, camera: false });
    return Promise.resolve();
  }

  /** @param {boolean} on */
  setCamera(on) {
    this.muted = { ...this.muted, camera: !on };
    if (on) return this.open({ microphone: false, camera: true });
    return this._inTurn(async () => {
      this._drop('camera');
      this._interrupted('camera', 'none');
      if (this.state.access.camera === 'open') this._access('camera', 'off');
    });
  }

  /** The camera on the other side. */
  flip() {
    this.facing = this.facing === 'user' ? 'environment' : 'user';
    const { camera: _forgotten, ...chosen } = this.state.chosen;
    this.state = { ...this.state, chosen };
    return this._inTurn(() => this._reopen('camera'));
  }

  /**
   * Let the person choose a screen or window to show.
   * @returns {Promise<boolean>} false when they changed their mind
   */
  async shareScreen() {
    try {
      const stream = await /** @type {MediaDevices} */ (this._media).getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 30 } },
        audio: false,
      });
      const [track] = stream.getVideoTracks();
      track.contentHint = 'detail';
      track.addEventListener('ended', () => {
        if (this.tracks.screen !== track) return;
        this.stopScreen();
        this.emit('screen_ended');
      });
      this.tracks.screen = track;
      this.emit('changed');
      return true;
    } catch {
      return false;
    }
  }

  stopScreen() {
    this._drop('screen');
    this.emit('changed');
  }

  /** Open again what the system has taken and not given back. */
  recover() {
    return this._inTurn(async () => {
      for (const kind of /** @type {Capture[]} */ (['microphone', 'camera'])) {
        if (this.state.interruption[kind] !== 'none') await this._reopen(kind);
      }
    });
  }

  /** Look again at what devices there are. */
  async refresh() {
    const devices = await (this._media?.enumerateDevices?.() ?? Promise.resolve([])).catch(() => []);
    this._apply({ type: 'found', devices });
  }

  /** Stop everything and listen no more. */
  close() {
    this._media?.removeEventListener?.('devicechange', this._onDeviceChange);
    this._page?.removeEventListener('visibilitychange', this._onVisibility);
    clearTimeout(this._returning);
    this.release();
  }

  /** Lights out; `open` brings everything back. */
  release() {
    for (const source of /** @type {Source[]} */ (['microphone', 'camera', 'screen'])) this._drop(source);
    for (const kind of /** @type {Capture[]} */ (['microphone', 'camera'])) this._interrupted(kind, 'none');
    this.emit('changed');
  }

  /**
   * @param {readonly Capture[]} kinds
   * @returns {Promise<import('../state/devices.js').Access | null>} null when all of them are open
   */
  async _capture(kinds) {
    try {
      const stream = await /** @type {MediaDevices} */ (this._media).getUserMedia({
        audio: kinds.includes('microphone') && this._constraints('microphone'),
        video: kinds.includes('camera') && this._constraints('camera'),
      });
      for (const kind of kinds) {
        const [track] = kind === 'microphone' ? stream.getAudioTracks() : stream.getVideoTracks();
        this._take(kind, track);
      }
      return null;
    } catch (error) {
      return accessAfter(error instanceof DOMException ? error.name : '');
    }
  }

  /** @param {Capture} kind @returns {MediaTrackConstraints} */
  _constraints(kind) {
    const device = wanted(this.state, kind);
    const which = device ? { deviceId: { exact: device.id } } : {};
    if (kind === 'microphone') return { ...SOUND, ...which };
    return { ...PICTURE, ...(device ? which : { facingMode: { ideal: this.facing } }) };
  }

  /** @param {Capture} kind */
  async _reopen(kind) {
    this._drop(kind);
    let problem = await this._capture([kind]);
    if (problem === 'absent' || problem === 'busy') {
      const { [kind]: _failed, ...chosen } = this.state.chosen; // the chosen one doesn't work: take what the browser has
      this.state = { ...this.state, chosen };
      problem = await this._capture([kind]);
    }
    if (problem) {
      if (this.state.interruption[kind] !== 'none') this._interrupted(kind, 'ended'); // we have let it go, too
      this._access(kind, problem);
    }
    await this.refresh();
  }

  /** @param {Capture} kind @param {MediaStreamTrack | undefined} track */
  _take(kind, track) {
    if (!track) return;
    this._drop(kind);
    this.tracks[kind] = track;
    if (kind === 'microphone') track.enabled = !this.muted.microphone;
    track.addEventListener('ended', () => {
      if (this.tracks[kind] !== track) return;
      this.tracks[kind] = null; // unplugged, or taken by the system
      this._interrupted(kind, 'ended');
      this._access(kind, 'absent');
      this.emit('lost', kind);
      this._inTurn(() => this._reopen(kind));
    });
    for (const event of ['mute', 'unmute']) {
      track.addEventListener(event, () => {
        if (this.tracks[kind] === track) this._interrupted(kind, track.muted ? 'muted' : 'none');
      });
    }
    this._interrupted(kind, track.muted ? 'muted' : 'none');
    this._access(kind, 'open');
  }

  /** @param {Source} source */
  _drop(source) {
    const track = this.tracks[source];
    this.tracks[source] = null;
    track?.stop();
  }

  /** @param {Capture} kind @param {import('../state/devices.js').Interruption} by */
  _interrupted(kind, by) {
    if (this.state.interruption[kind] !== by) this._apply({ type: 'interrupted', kind, by });
  }

  /** @param {Capture} kind @param {import('../state/devices.js').Access} access */
  _access(kind, access) {
    this._apply({ type: 'access', kind, access });
  }

  /** @param {import('../state/devices.js').DevicesAction} action */
  _apply(action) {
    this.state = reduceDevices(this.state, action);
    this.emit('changed');
  }

  /** @template T @param {() => Promise<T>} action @returns {Promise<T>} */
  _inTurn(action) {
    const result = this._turn.then(action);
    this._turn = result.catch(() => {});
    return result;
  }

  _remembered() {
    try {
      return JSON.parse(this._storage?.getItem(STORED_AS) ?? '{}');
    } catch {
      return {};
    }
  }

  _remember() {
    try {
      this._storage?.setItem(STORED_AS, JSON.stringify(this.state.chosen));
    } catch {
      // storage is refused: the choice lasts as long as the page
    }
  }
}

/** @param {MediaStreamTrack | null} track */
function isLive(track) {
  return track?.readyState === 'live';
}

/** @returns {Storage | null} */
function localStorageOrNull() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

// @ts-check
/**
 * This person's one media connection to the server.
 *
 * Only the server offers; offers are answered one after another, at once and without trickling. The first sections of
 * every offer are for what we send (microphone, camera, screen): a track is put in and taken out by `replaceTrack`
 * without another round. The others carry other people's tracks, named by the offer. When the path breaks, the server
 * is asked for new ICE credentials on the same connection; only if that doesn't help we begin anew, and the old pictures stay until
 * the new ones are there.
 */
import { Emitter } from '../net/emitter.js';

/** @typedef {'microphone' | 'camera' | 'screen'} Source */
/** @typedef {'closed' | 'connecting' | 'connected' | 'reconnecting'} MediaStatus */
/** @typedef {{ generation: number, sdp: string, publish: Record<string, Source>, receive: Record<string, { participant: string, source: Source }> }} Offer */
/** @typedef {{ participant: string, source: Source, track: MediaStreamTrack }} Remote */
/** @typedef {{ roundTripMs: number | null, upKbps: number, downKbps: number, frozen: ReadonlySet<string> }} Stats  frozen: `participant/source` without new pictures */
/**
 * How the connection talks to the server.
 * @typedef {object} Signal
 * @property {() => Promise<{ ice_servers: RTCIceServer[] }>} join
 * @property {(generation: number, sdp: string) => Promise<unknown>} answer
 * @property {() => Promise<unknown>} restart
 * @property {() => Promise<unknown>} leave
 */

const DISCONNECTED_MS = 500; // a hiccup of this length isn't worth a restart
const RESTART_EVERY_MS = 3000;
const ANEW_AFTER_MS = 15_000;
const OLD_PICTURES_MS = 12_000;
const STATS_EVERY_MS = 2000;
const FLOWING_MS = 250; // something comes in this time where anything flows: feedback about what we send, at least
const LIMITS = {
  microphone: { maxBitrate: 40_000 },
  camera: { maxBitrate: 1_700_000, maxFramerate: 30 },
  screen: { maxBitrate: 2_500_000, maxFramerate: 15 },
};
/** The layers in which a camera is sent where the browser can, by name: whoever has a narrow way gets a lower one. @type {Record<string, RTCRtpEncodingParameters>} */
const LARGE = {
  l: { active: true, maxBitrate: 150_000, scaleResolutionDownBy: 4 },
  m: { active: true, maxBitrate: 500_000, scaleResolutionDownBy: 2 },
  h: { active: true, maxBitrate: 1_700_000, scaleResolutionDownBy: 1 },
};
/** Chromium sends only the lowest two of a picture this small: they must make the whole of it. @type {Record<string, RTCRtpEncodingParameters>} */
const MEDIUM = {
  l: { active: true, maxBitrate: 200_000, scaleResolutionDownBy: 2 },
  m: { active: true, maxBitrate: 1_000_000, scaleResolutionDownBy: 1 },
  h: { active: false, maxBitrate: 1_700_000, scaleResolutionDownBy: 1 },
};
/** And only the lowest one of this. @type {Record<string, RTCRtpEncodingParameters>} */
const SMALL = {
  l: { active: true, maxBitrate: 400_000, scaleResolutionDownBy: 1 },
  m: { active: false, maxBitrate: 500_000, scaleResolutionDownBy: 1 },
  h: { active: false, maxBitrate: 1_700_000, scaleResolutionDownBy: 1 },
};
const LARGE_PIXELS = 960 * 540;
const MEDIUM_PIXELS = 480 * 270;

/** @extends {Emitter<{ changed: [], stats: [Stats], report: [RTCStatsReport] }>} */
export class MediaConnection extends Emitter {
  /** @param {{ signal: Signal, createPeer?: (configuration: RTCConfiguration) => RTCPeerConnection }} parts */
  constructor({ signal, createPeer = (configuration) => new RTCPeerConnection(configuration) }) {
    super();
    this._signal = signal;
    this._createPeer = createPeer;
    /** @type {MediaStatus} */
    this.status = 'closed';
    /** @type {RTCPeerConnection | null} */
    this._peer = null;
    /** @type {RTCConfiguration} */
    this._configuration = {};
    /** The connection before this one, for its last pictures. @type {RTCPeerConnection | null} */
    this._previous = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._previousUntil = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._mending = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._startingAnew = undefined;
    this._begun = 0; // counts beginnings: what belongs to an earlier one is dropped
    /** @type {Offer[]} */
    this._waiting = [];
    /** @type {Promise<void>} */
    this._turn = Promise.resolve();
    /** @type {Record<Source, MediaStreamTrack | null>} */
    this._wanted = { microphone: null, camera: null, screen: null };
    /** @type {Partial<Record<Source, RTCRtpSender>>} */
    this._senders = {};
    /** Which layers of a picture are wanted; all, until the server has said so. @type {Partial<Record<Source, string[]>>} */
    this._layers = {};
    /** @type {Promise<void>} */
    this._limiting = Promise.resolve();
    /** @type {Map<string, Remote>} */
    this._remote = new Map();
    this._restartedAt = 0;
    this._brokenSince = 0;
    /** @type {Map<string, { value: number, at: number }>} */
    this._progress = new Map();
    /** @type {Stats} */
    this.stats = { roundTripMs: null, upKbps: 0, downKbps: 0, frozen: new Set() };
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this._timer = undefined;
  }

  /** Begin, or begin anew after the seat was taken again. */
  async start() {
    const mine = ++this._begun;
    clearTimeout(this._startingAnew);
    this._retire();
    this._waiting = [];
    this._setStatus(this._remote.size > 0 ? 'reconnecting' : 'connecting');
    this._timer ??= setInterval(() => this._measure().catch(() => {}), STATS_EVERY_MS);
    const { ice_servers: iceServers } = await this._signal.join();
    if (mine !== this._begun) return;
    this._configuration = { iceServers: iceServers ?? [], bundlePolicy: 'max-bundle' };
    this._peer = this._newPeer();
    this._drain();
  }

  /** End it; the others' pictures go. */
  stop() {
    const was = this.status;
    this._begun += 1;
    clearInterval(this._timer);
    clearTimeout(this._mending);
    clearTimeout(this._startingAnew);
    this._timer = undefined;
    this._retire();
    this._closePrevious();
    this._waiting = [];
    this._remote.clear();
    this._setStatus('closed');
    if (was !== 'closed') this._signal.leave().catch(() => {});
  }

  /**
   * Send this track, or nothing, as `source`.
   * @param {Source} source @param {MediaStreamTrack | null} track
   */
  async publish(source, track) {
    this._wanted[source] = track;
    const sender = this._senders[source];
    await sender?.replaceTrack(track).catch(() => {}); // a closed connection: the next one takes it from _wanted
    if (sender && track) await this._limit(source);
  }

  /** Which layers of a picture somebody receives: the others are paused. @param {Source} source @param {string[]} layers */
  wanted(source, layers) {
    this._layers[source] = layers;
    return this._limit(source);
  }

  /** @param {string} participant @param {Source} source @returns {MediaStreamTrack | null} */
  remote(participant, source) {
    return this._remote.get(`${participant}/${source}`)?.track ?? null;
  }

  /** An offer from the server. @param {Offer} offer */
  offered(offer) {
    if (this.status === 'closed') return;
    if (offer.generation === 1) this._waiting = []; // what came before belongs to an earlier connection
    this._waiting.push(offer);
    this._drain();
  }

  /**
   * New credentials for the relays. Media flows on over what is there; the next search for a path uses these.
   * @param {RTCIceServer[]} iceServers
   */
  renewed(iceServers) {
    if (!this._peer) return; // the next connection asks for its own
    this._configuration = { ...this._configuration, iceServers };
    this._peer.setConfiguration(this._configuration);
  }

  /** The server hears nothing from us, has given us up, or will have no more of us. @param {string} state */
  told(state) {
    if (this.status === 'closed') return;
    if (state === 'silent') this.restart();
    if (state === 'gone') this._startAnew();
    if (state === 'cut_off') this.stop(); // asking again is refused for a while
  }

  /** Ask for new ICE credentials: the network may have changed. */
  restart() {
    const now = Date.now();
    if (!this._peer || now - this._restartedAt < RESTART_EVERY_MS) return;
    this._restartedAt = now;
    this._signal.restart().catch(() => {});
  }

  /**
   * Go on after the socket was away: offers may have been missed, and new credentials bring them.
   * @returns {Promise<boolean>} false: nothing comes any more, as after a change of address; beginning anew is quicker than mending
   */
  async resume() {
    const peer = this._peer;
    if (!peer?.remoteDescription) return false;
    const before = await received(peer);
    await new Promise((resolve) => setTimeout(resolve, FLOWING_MS));
    if (peer !== this._peer) return true; // another one has begun
    if ((await received(peer)) <= before) return false;
    this._restartedAt = 0;
    this.restart();
    return true;
  }

  _drain() {
    this._turn = this._turn.then(async () => {
      while (this._peer && this._waiting.length > 0) {
        const offer = /** @type {Offer} */ (this._waiting.shift());
        const begun = this._begun;
        await this._answer(offer).catch((error) => {
          if (begun === this._begun && this._peer?.signalingState !== 'closed')
            console.error('media negotiation', error);
        });
      }
    });
  }

  /** @param {Offer} offer */
  async _answer(offer) {
    const mine = this._begun;
    if (offer.generation === 1 && this._peer?.remoteDescription) {
      this._retire(); // the server began anew by itself
      this._peer = this._newPeer();
    }
    const peer = /** @type {RTCPeerConnection} */ (this._peer);
    if (offer.generation !== 1 && !peer.remoteDescription) return; // still of an earlier connection
    await peer.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
    const sections = new Map(peer.getTransceivers().map((section) => [section.mid, section]));
    for (const [mid, source] of Object.entries(offer.publish)) {
      const section = sections.get(mid);
      if (section) await this._prepareSending(section, source);
    }
    await peer.setLocalDescription(await peer.createAnswer());
    if (mine !== this._begun) return;
    this._receive(offer, sections);
    await this._signal.answer(offer.generation, peer.localDescription?.sdp ?? '');
    for (const source of Object.values(offer.publish)) await this._limit(source);
  }

  /** Let a source be sent as it may and as it is wanted; one change after another. @param {Source} source */
  _limit(source) {
    this._limiting = this._limiting.then(async () => {
      const sender = this._senders[source];
      if (sender) await limit(sender, source, this._layers[source]);
    });
    return this._limiting;
  }

  /** @param {RTCRtpTransceiver} section @param {Source} source */
  async _prepareSending(section, source) {
    this._senders[source] = section.sender;
    if (section.direction !== 'sendonly') section.direction = 'sendonly';
    if (section.sender.track !== this._wanted[source]) await section.sender.replaceTrack(this._wanted[source]);
  }

  /** @param {Offer} offer @param {Map<string | null, RTCRtpTransceiver>} sections */
  _receive(offer, sections) {
    /** @type {Map<string, Remote>} */
    const remote = new Map();
    for (const [mid, { participant, source }] of Object.entries(offer.receive)) {
      const track = sections.get(mid)?.receiver.track;
      if (track) remote.set(`${participant}/${source}`, { participant, source, track });
    }
    this._remote = remote;
    this.emit('changed');
  }

  _newPeer() {
    const peer = this._createPeer(this._configuration);
    this._senders = {};
    this._layers = {};
    peer.addEventListener('iceconnectionstatechange', () => this._onIce(peer));
    return peer;
  }

  /** @param {RTCPeerConnection} peer */
  _onIce(peer) {
    if (peer !== this._peer) return;
    const state = peer.iceConnectionState;
    if (state === 'connected' || state === 'completed') {
      this._brokenSince = 0;
      this._closePrevious();
      this._setStatus('connected');
    } else if (state === 'disconnected' || state === 'failed') {
      this._brokenSince ||= Date.now();
      this._setStatus('reconnecting');
      this._mendIn(peer, state === 'failed' ? 0 : DISCONNECTED_MS);
    }
  }

  /** @param {RTCPeerConnection} peer */
  _mend(peer) {
    if (peer !== this._peer || this._brokenSince === 0) return;
    if (Date.now() - this._brokenSince > ANEW_AFTER_MS) {
      this._brokenSince = Date.now();
      this._startAnew();
      return;
    }
    this.restart();
    this._mendIn(peer, RESTART_EVERY_MS);
  }

  /** Begin anew, and try again as long as the server takes nobody in and nothing else has begun. */
  _startAnew() {
    const started = this.start();
    const mine = this._begun;
    started.catch(() => {
      if (mine === this._begun) this._startingAnew = setTimeout(() => this._startAnew(), RESTART_EVERY_MS);
    });
  }

  /** @param {RTCPeerConnection} peer @param {number} milliseconds */
  _mendIn(peer, milliseconds) {
    clearTimeout(this._mending);
    this._mending = setTimeout(() => this._mend(peer), milliseconds);
  }

  /** Put the present connection aside; its last pictures stay in view until the next one has some. */
  _retire() {
    if (!this._peer) return;
    this._closePrevious();
    this._previous = this._peer;
    this._peer = null;
    this._senders = {};
    this._brokenSince = 0;
    for (const sender of this._previous.getSenders()) sender.replaceTrack(null).catch(() => {});
    this._previousUntil = setTimeout(() => this._closePrevious(), OLD_PICTURES_MS);
  }

  _closePrevious() {
    clearTimeout(this._previousUntil);
    this._previous?.close();
    this._previous = null;
  }

  /** @param {MediaStatus} status */
  _setStatus(status) {
    if (status !== this.status) {
      this.status = status;
      this.emit('changed');
    }
  }

  async _measure() {
    const peer = this._peer;
    if (!peer || this.status !== 'connected') return;
    const report = await peer.getStats();
    const now = Date.now();
    const frozen = new Set();
    let [up, down] = [0, 0];
    /** @type {number | null} */
    let roundTripMs = null;
    for (const entry of report.values()) {
      if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined) {
        roundTripMs = Math.round(entry.currentRoundTripTime * 1000);
      }
      if (entry.type === 'transport') {
        up = this._rate('up', entry.bytesSent ?? 0, now);
        down = this._rate('down', entry.bytesReceived ?? 0, now);
      }
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') {
        const remote = [...this._remote.values()].find(({ track }) => track.id === entry.trackIdentifier);
        const decoded = entry.framesDecoded ?? 0;
        if (remote && decoded > 0 && this._rate(`frames/${entry.id}`, decoded * 125, now) === 0) {
          frozen.add(`${remote.participant}/${remote.source}`);
        }
      }
    }
    this.emit('report', report);
    this.stats = { roundTripMs, upKbps: up, downKbps: down, frozen };
    this.emit('stats', this.stats);
  }

  /** Kilobits a second since the last look. @param {string} name @param {number} bytes @param {number} now */
  _rate(name, bytes, now) {
    const last = this._progress.get(name);
    this._progress.set(name, { value: bytes, at: now });
    if (!last || now <= last.at || bytes < last.value) return name.startsWith('frames/') ? 1 : 0;
    return Math.round(((bytes - last.value) * 8) / (now - last.at));
  }
}

/** @param {RTCPeerConnection} peer @returns {Promise<number>} octets that have come */
async function received(peer) {
  const entries = /** @type {any[]} */ ([...(await peer.getStats()).values()]);
  return entries.reduce((sum, entry) => sum + (entry.type === 'transport' ? (entry.bytesReceived ?? 0) : 0), 0);
}

/** The layers that suit a camera's picture. @param {MediaStreamTrack | null} track */
function layersOf(track) {
  const { width = 1280, height = 720 } = track?.getSettings?.() ?? {};
  if (width * height >= LARGE_PIXELS) return LARGE;
  return width * height >= MEDIUM_PIXELS ? MEDIUM : SMALL;
}

/** @param {RTCRtpSender} sender @param {Source} source @param {string[]} [layers] the wanted ones; all of them */
async function limit(sender, source, layers) {
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) return;
  const wanted = parameters.encodings.map(({ rid }) => limitsOf(sender.track, source, rid));
  if (layers) pause(wanted, layers);
  const same = parameters.encodings.every((encoding, at) =>
    Object.entries(wanted[at]).every(([name, value]) => /** @type {any} */ (encoding)[name] === value),
  );
  if (same) return;
  parameters.encodings.forEach((encoding, at) => Object.assign(encoding, wanted[at]));
  await sender.setParameters(parameters).catch(() => {}); // Firefox refuses some of these: it then does without
}

/**
 * @typedef {RTCRtpEncodingParameters & { active: boolean }} Limits
 * @param {MediaStreamTrack | null} track @param {Source} source
 * @param {string | undefined} rid the layer; a browser that sends only one does not name it
 * @returns {Limits}
 */
function limitsOf(track, source, rid) {
  return { active: true, ...LIMITS[source], ...(rid ? { rid, ...layersOf(track)[rid] } : {}) };
}

/** Pause what is not wanted; where none of it can be sent of this picture, the best layer is. @param {Limits[]} limits lowest first @param {string[]} layers */
function pause(limits, layers) {
  const possible = limits.filter(({ active }) => active);
  const kept = possible.filter(({ rid }) => layers.includes(rid ?? ''));
  if (layers.length > 0 && kept.length === 0) kept.push(...possible.slice(-1));
  for (const each of limits) each.active = kept.includes(each);
}

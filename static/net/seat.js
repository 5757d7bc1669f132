// @ts-check
/**
 * One socket, and the seat it holds.
 *
 * `enter(consultation)` takes the seat and keeps it: after a lost connection the session connects with a fresh token,
 * enters again with the cursor and the connection it has, and hands on what was missed; where media went on without the
 * socket it still does (`keeps_media`). `events` always come in order and without a gap.
 * A seat that another tab took is not taken back.
 *
 *     session.on('events', (events) => …)       wire events, in order
 *     session.on('entered', (answer) => …)      after every entry, the first and later ones
 *     session.on('status', (status) => …)
 *     await session.request('chat_send', {…})   the answer, or throws SessionError with the server's code
 */
import { Emitter } from './emitter.js';

const ANSWER_MS = 10_000;
const PROBE_MS = 2500;
// While the network is away an attempt hangs, and the next one, or its repeated SYN, finds the network back. Chromium holds
// back whoever has failed about 14 times in a few minutes, by up to 5 s: quick attempts first, then few and long ones.
const FIRST_ATTEMPT_MS = 8000;
const QUICK_ATTEMPT_MS = 2000;
const QUICK_ATTEMPTS = 4;
const LONG_ATTEMPT_MS = 7000;
const BUFFERED_EVENTS = 5000;
const RELAYED = /** @type {const} */ ([
  'typing',
  'still_picture',
  'media_offer',
  'ice_servers',
  'media_state',
  'quality',
  'layers_wanted',
  'active_speaker',
  'lobby_changed',
]);

/**
 * idle: not wanted; connecting: for the first time; connected; reconnecting: lost, trying again; draining: the server
 * is about to restart; ended: the server says the sign-in is over; refused: it does not let us in.
 * @typedef {'idle' | 'connecting' | 'connected' | 'reconnecting' | 'draining' | 'ended' | 'refused'} SessionStatus
 */
/**
 * @typedef {object} Entered
 * @property {{ participant: string, role: 'patient' | 'clinician' | 'guest', name: string }} you
 * @property {{ id: string, scheduled_at: string, reason?: string, patient_name: string, clinician_name: string,
 *   department_en: string, department_zh: string }} room
 * @property {import('../state/room.js').WireEvent[]} events
 * @property {string} connection
 * @property {boolean} keeps_media  what this page published and receives goes on: it lost its socket only
 * @property {number} last_seq
 */
/**
 * @typedef {{
 *   status: [SessionStatus], connected: [], entered: [Entered], entry_failed: [SessionError], events: [import('../state/room.js').WireEvent[]],
 *   seat_taken: [], typing: [{ participant: string }], still_picture: [{ participant: string, picture: { scheme: string, jpeg: string } }], media_offer: [any], ice_servers: [{ ice_servers: RTCIceServer[] }], media_state: [{ participant: string, state: string }],
 *   network_changed: [],
 *   quality: [{ participants: Record<string, any> }], active_speaker: [{ participant?: string }], layers_wanted: [{ source: import('../rtc/connection.js').Source, layers: string[] }], lobby_changed: [any],
 * }} SessionEvents
 */

/** What the server refused; `code` is stable and translated as `error.<code>`. */
export class SessionError extends Error {
  /** @param {string} code @param {string} [detail] */
  constructor(code, detail = '') {
    super(detail || code);
    this.name = 'SessionError';
    this.code = code;
    this.detail = detail;
  }
}

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  /**
   * @param {{
   *   token: (options: { fresh: boolean }) => Promise<string | null>,
   *   connect: (options: object) => any,
   * }} parts  `connect` makes a Socket.IO client socket
   */
  constructor({ token, connect }) {
    super();
    this._token = token;
    this._connect = connect;
    /** @type {any} */
    this._socket = null;
    /** @type {SessionStatus} */
    this.status = 'idle';
    /** The consultation whose seat we want. @type {string | null} */
    this._consultation = null;
    this._seated = false;
    /** As which connection the seat is held, for the next socket of this page. @type {string | null} */
    this._connection = null;
    this._since = 0;
    /** Events that came ahead of their turn. @type {Map<number, import('../state/room.js').WireEvent>} */
    this._early = new Map();
    this._resuming = false;
    this._refusals = 0;
    /** The socket that is being asked whether it is alive. @type {any} */
    this._probing = null;
  }

  /** Open the socket if it isn't; for pages that only watch. */
  open() {
    if (this._socket) return;
    this._setStatus('connecting');
    const socket = this._connect({
      transports: ['websocket'],
      auth: (/** @type {(data: object) => void} */ give) => {
        this._token({ fresh: this._refusals > 0 }).then(
          (token) => give({ token: token ?? '' }),
          () => give({ token: '' }),
        );
      },
      reconnectionDelay: 300,
      reconnectionDelayMax: 800,
      randomizationFactor: 0.5,
      timeout: FIRST_ATTEMPT_MS,
      autoConnect: false,
    });
    this._socket = socket;
    socket.on('connect', () => this._onConnect());
    socket.on('disconnect', () => this._onLost());
    socket.on('connect_error', (/** @type {any} */ error) => this._onRefused(error));
    socket.io?.on('reconnect_attempt', (/** @type {number} */ attempt) => {
      socket.io.timeout(attempt > QUICK_ATTEMPTS ? LONG_ATTEMPT_MS : QUICK_ATTEMPT_MS);
    });
    socket.on('room_event', (/** @type {any} */ event) => this._take([event]));
    socket.on('seat_taken', () => this._onSeatTaken());
    socket.on('server_draining', () => this._setStatus('draining'));
    socket.on('session_ended', () => this._end('ended'));
    for (const name of RELAYED) socket.on(name, (/** @type {any} */ data) => this.emit(name, data));
    socket.connect();
  }

  close() {
    this._consultation = null;
    this._seated = false;
    this._socket?.disconnect();
    this._socket = null;
    this._setStatus('idle');
  }

  /**
   * The network changed or came back: connect at once instead of waiting, and find out whether a socket that looks
   * connected still is.
   */
  async hurry() {
    const socket = this._socket;
    if (!socket || this._probing === socket) return;
    if (socket.connected && this._seated) {
      this._probing = socket;
      const alive = await socket
        .timeout(PROBE_MS)
        .emitWithAck('room_resume', { since: this._since })
        .catch(() => null);
      this._probing = null;
      if (alive || socket !== this._socket) return;
    } else if (socket.connected) {
      return;
    }
    socket.disconnect().connect();
  }

  /** This machine is on another network, or on one again. */
  networkChanged() {
    this.emit('network_changed');
    this.hurry();
  }

  /**
   * Take the seat in a consultation's room and keep it. The outcome is told by `entered` or `entry_failed`.
   * @param {string} consultation @param {number} [since]  the newest event that the caller has
   */
  enter(consultation, since = 0) {
    this._since = since;
    this._connection = null;
    this._early.clear();
    this._consultation = consultation;
    this.open();
    if (this._socket.connected) this._enterNow();
  }

  /** Give the seat up; the visit goes on. */
  async leave() {
    const seated = this._seated;
    this._consultation = null;
    this._seated = false;
    if (seated) await this.request('room_leave', {}).catch(() => {});
  }

  /**
   * Ask the server something.
   * @param {string} event @param {object} payload
   * @returns {Promise<any>} the answer; throws SessionError (code `offline` when none came)
   */
  async request(event, payload = {}) {
    const socket = this._socket;
    if (!socket?.connected) throw new SessionError('offline');
    let answer;
    try {
      answer = await socket.timeout(ANSWER_MS).emitWithAck(event, payload);
    } catch {
      throw new SessionError('offline');
    }
    if (answer?.ok) return answer;
    throw new SessionError(answer?.error?.code ?? 'internal', answer?.error?.detail ?? '');
  }

  _onConnect() {
    this._refusals = 0;
    this._setStatus('connected');
    this.emit('connected');
    if (this._consultation) this._enterNow();
  }

  _onLost() {
    this._seated = false;
    if (this.status !== 'idle' && this.status !== 'ended' && this.status !== 'refused') this._setStatus('reconnecting');
  }

  /** @param {any} error */
  _onRefused(error) {
    if (this._socket?.active) {
      if (this.status === 'connected') this._setStatus('reconnecting');
      return; // the network; socket.io tries again
    }
    const code = error?.data?.code ?? '';
    this._refusals += 1;
    if (code === 'sign_in_required' || code === 'not_found' || this._refusals > 4) {
      if (this._refusals <= 2) {
        setTimeout(() => this._socket?.connect(), 500); // once more, with a token that was asked for again
        return;
      }
      this._end('refused');
      this.emit('entry_failed', new SessionError(code || 'internal'));
      return;
    }
    setTimeout(() => this._socket?.connect(), 1000 * this._refusals);
  }

  /** @param {'ended' | 'refused'} status */
  _end(status) {
    this._setStatus(status);
    this._seated = false;
    this._socket?.disconnect();
    this._socket = null;
    if (status === 'ended') this.emit('entry_failed', new SessionError('sign_in_required'));
  }

  _onSeatTaken() {
    this._consultation = null;
    this._seated = false;
    this.emit('seat_taken');
  }

  async _enterNow() {
    const consultation = this._consultation;
    try {
      const before = this._connection ? { connection: this._connection } : {};
      const answer = await this.request('room_enter', { consultation, since: this._since, ...before });
      if (consultation !== this._consultation) return;
      this._seated = true;
      this._connection = answer.connection;
      this._take(answer.events);
      if (this._since < answer.last_seq) await this._resume();
      this.emit('entered', answer);
    } catch (error) {
      if (consultation !== this._consultation || !(error instanceof SessionError)) return;
      if (error.code === 'offline' || error.code === 'overloaded' || error.code === 'rate_limited') {
        setTimeout(() => {
          if (this._socket?.connected && this._consultation === consultation && !this._seated) this._enterNow();
        }, 1500);
        return;
      }
      this._consultation = null;
      this.emit('entry_failed', error);
    }
  }

  /** Hand on what follows without a gap; keep what is ahead and ask for what is missing. @param {any[]} events */
  _take(events) {
    const ready = [];
    for (const event of events) {
      if (event.seq > this._since && this._early.size < BUFFERED_EVENTS) this._early.set(event.seq, event);
    }
    for (let next = this._early.get(this._since + 1); next; next = this._early.get(this._since + 1)) {
      this._early.delete(next.seq);
      this._since = next.seq;
      ready.push(next);
    }
    for (const seq of this._early.keys()) if (seq <= this._since) this._early.delete(seq);
    if (ready.length > 0) this.emit('events', ready);
    if (this._early.size > 0 && this._seated) this._resume().catch(() => {});
  }

  async _resume() {
    if (this._resuming) return;
    this._resuming = true;
    try {
      for (;;) {
        const before = this._since;
        const answer = await this.request('room_resume', { since: this._since });
        this._take(answer.events);
        if (this._since >= answer.last_seq || this._since === before) return;
      }
    } finally {
      this._resuming = false;
    }
  }

  /** @param {SessionStatus} status */
  _setStatus(status) {
    if (status === this.status) return;
    this.status = status;
    this.emit('status', status);
  }
}

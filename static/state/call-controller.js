// @ts-check
/**
 * One person's whole part in one consultation: the seat, the room's state, the chat, the media.
 *
 * Views read its fields and call its methods; they never touch the socket or the peer connection. Every change is told to
 * subscribers (`subscribe`), things worth a sound or a sentence are told as notices (`onNotice`).
 *
 * Fields
 *   phase         'entering' | 'waiting' | 'call' | 'left' | 'finished' | 'seat_taken' | 'removed' | 'refused'
 *   link          'connecting' | 'connected' | 'reconnecting' | 'draining': this tab's line to the server
 *   you           { participant, role, name } | null until the first entry
 *   about         { id, scheduled_at, reason?, patient_name, clinician_name, department_en, department_zh } | null
 *   room          RoomState (state/room.js: participants, messages, reads, recording, startedAt, finishedAt …)
 *   me            my own Participant | null
 *   others        Participant[] who are in the call with me or may be (admitted), without myself
 *   waiting       Participant[] in the waiting room and connected
 *   local         LocalMedia (rtc/devices.js: tracks, muted, state.access, state.found, choose(), flip() …)
 *   media         MediaConnection (rtc/connection.js: status, remote(participant, source), stats)
 *   quality       { [participant]: { score 1..5, round_trip_ms, loss_percent, … } }, measured by the server
 *   speaker       the id of whoever speaks now, as the server hears it; '' when nobody does
 *   ladder        what to say of somebody's weak connection (state/ladder.js), or null
 *   entries       Entry[] (state/chat.js): the conversation, mine on their way included
 *   typists       names of those who type
 *   unread        number of messages of others I have not seen
 *   stills        { [participant]: { jpeg, taken } }: the newest still of whose moving picture a connection does not carry
 *   silent        ids of those from whom the server hears nothing for now, their socket or not: they reconnect
 *   soundOnly     whether I receive no pictures
 *   error         SessionError | null: why phase is 'refused'
 *
 * Actions (those that ask the server return a promise and throw SessionError with a code)
 *   enter(), leave(), end()            take the seat; hang up (the visit goes on); drop everything with the page
 *   setMicrophone(on), setCamera(on), flipCamera(), chooseDevice(kind, device), shareScreen(), stopScreen(), setSoundOnly(on)
 *   send(text, attachments), retry(id), discard(id), typing(), markRead(), upload(file, onProgress), openAttachment(attachment)
 *   setConsent('given' | 'refused' | 'withdrawn')
 *   for the doctor: admit(participant), hold(participant), remove(participant), startRecording(), stopRecording(), finish()
 *
 * Notices: { kind: 'text_only' | 'admitted' | 'held' | 'message' | 'arrived' | 'joined' | 'back' | 'gone' | 'recording_started' |
 *            'recording_stopped' | 'consent' | 'screen_ended' | 'device_lost', participant?, name?, text?, decision?, reason? }
 */
import { conversation, emptyChat, reduceChat, TYPING_SHOWN_MS, TYPING_TOLD_EVERY_MS, typists } from './chat.js';
import { isPictureless, rungOf, said, showsStills } from './ladder.js';
import { Reception } from '../rtc/reception.js';
import { admitted, emptyRoom, participantOf, reduceRoom, unread, waiting } from './room.js';

/** @typedef {import('./room.js').WireEvent} WireEvent */
/** @typedef {import('./room.js').Source} Source */
/** @typedef {import('./room.js').Attachment} Attachment */
/** @typedef {'entering' | 'waiting' | 'call' | 'left' | 'finished' | 'seat_taken' | 'removed' | 'refused'} Phase */
/** @typedef {{ score: number, round_trip_ms: number | null, loss_percent: number, jitter_ms: number, bitrate_up_kbps: number, bitrate_down_kbps: number, microphone_silent: boolean }} Quality */
/** @typedef {{ kind: string, participant?: string, name?: string, text?: string, decision?: string, reason?: string }} Notice */
/** What was settled before entering (join page). @typedef {{ readiness?: object, consent?: { decision: string, version: string, language: string } }} Prepared */
/**
 * @typedef {object} Parts
 * @property {string} consultation
 * @property {import('../net/seat.js').Session} session
 * @property {import('../rtc/devices.js').LocalMedia} local
 * @property {(signal: import('../rtc/connection.js').Signal) => import('../rtc/connection.js').MediaConnection} connect
 * @property {(camera: MediaStreamTrack) => Promise<string | null>} takeStill  what it shows, as JPEG in base64
 * @property {{ upload: Function, blob: Function }} api
 * @property {() => { version: string, language: string }} consentShown  which words a consent answers
 * @property {Prepared} [prepared]
 * @property {() => string} [newId]
 * @property {() => Date} [now]
 */

const STILL_EVERY_MS = 15_000;
const PASSING = new Set(['rate_limited', 'overloaded']); // a moment later it may be taken
const RETRIES = 4;
const RETRY_MS = 1000; // doubled each time

export class CallController {
  /** @param {Parts} parts */
  constructor({
    consultation,
    session,
    local,
    connect,
    takeStill,
    api,
    consentShown,
    prepared = {},
    newId = randomId,
    now = () => new Date(),
  }) {
    this.consultation = consultation;
    this.local = local;
    this.media = connect(this._signal());
    this._session = session;
    this._takeStill = takeStill;
    this._api = api;
    this._consentShown = consentShown;
    this._prepared = { ...prepared };
    this._newId = newId;
    this._now = now;
    /** @type {Phase} */
    this.phase = 'entering';
    /** @type {'connecting' | 'connected' | 'reconnecting' | 'draining'} */
    this.link = session.status === 'connected' ? 'connected' : 'connecting';
    /** @type {import('../net/seat.js').Entered['you'] | null} */
    this.you = null;
    /** @type {import('../net/seat.js').Entered['room'] | null} */
    this.about = null;
    this.room = emptyRoom;
    this.chat = emptyChat;
    /** @type {Record<string, Quality>} */
    this.quality = {};
    this.speaker = '';
    /** @type {Readonly<Record<string, { jpeg: string, taken: Date }>>} */
    this.stills = {};
    /** @type {ReadonlySet<string>} */
    this.silent = new Set();
    this.soundOnly = false;
    /** @type {Error & { code: string } | null} */
    this.error = null;
    this._seated = false;
    this._live = false; // false while the past is being replayed: nothing in it is news
    this._mediaOn = false;
    this.cutOff = false; // the server will have none of our media for a while
    this._isStill = false; // somebody sees stills of our camera
    this._withheld = false; // our pictures: our connection would lose the voice over them
    /** What the server has been told of our tracks. @type {Map<Source, boolean>} */
    this._published = new Map();
    this._reception = new Reception();
    /** @type {{ name: string, text: string, count: number } | null} */
    this._left = null;
    /** Why nobody hears me although I am not muted. @type {'system_muted' | 'nothing' | null} */
    this.microphoneTrouble = null;
    this._typingToldAt = 0;
    this._readTold = 0;
    /** @type {Map<string, Promise<string>>} */
    this._blobs = new Map();
    /** @type {Set<() => void>} */
    this._subscribers = new Set();
    /** @type {Set<(notice: Notice) => void>} */
    this._noticed = new Set();
    this._ends = this._listen();
  }

  // --- Reading -------------------------------------------------------------------------------------------------

  get me() {
    return participantOf(this.room, this.you?.participant);
  }

  get others() {
    return admitted(this.room).filter((person) => person.id !== this.you?.participant);
  }

  get ladder() {
    return this.phase === 'call' ? said(this.me, this.others) : null;
  }

  /** Messages that were left while I was away, until they are read. */
  get messagesLeft() {
    return this.unread > 0 ? this._left : null;
  }

  get waiting() {
    return waiting(this.room).filter((person) => person.id !== this.you?.participant);
  }

  get entries() {
    return conversation(this.room, this.chat, this.you?.participant ?? '');
  }

  get typists() {
    return typists(this.room, this.chat, this.you?.participant ?? '');
  }

  get unread() {
    return this.you
      ? unread(this.room, this.you.participant).filter((message) => message.seq > this._readTold).length
      : 0;
  }

  get isDoctor() {
    return this.you?.role === 'clinician';
  }

  /** @param {() => void} listener @returns {() => void} */
  subscribe(listener) {
    this._subscribers.add(listener);
    return () => this._subscribers.delete(listener);
  }

  /** @param {(notice: Notice) => void} listener @returns {() => void} */
  onNotice(listener) {
    this._noticed.add(listener);
    return () => this._noticed.delete(listener);
  }

  // --- The seat ------------------------------------------------------------------------------------------------

  /** Take the seat; also to take it back after leaving or after another tab took it. */
  enter() {
    this.error = null;
    this._setPhase('entering');
    this._session.enter(this.consultation, this.room.seq);
  }

  /** Hang up: media ends, the seat is free, the visit goes on. */
  async leave() {
    this._setPhase('left');
    this._stopMedia();
    this._seated = false;
    await this._session.leave();
  }

  /** Drop everything: the page goes. Devices are closed by whoever opened them. */
  end() {
    for (const end of this._ends.splice(0)) end();
    this._stopMedia();
    if (this._seated) this._session.leave();
    this._seated = false;
    for (const blob of this._blobs.values())
      blob.then(
        (url) => URL.revokeObjectURL(url),
        () => {},
      );
    this._blobs.clear();
    this._subscribers.clear();
    this._noticed.clear();
  }

  // --- Own devices ---------------------------------------------------------------------------------------------

  /** @param {boolean} on */
  async setMicrophone(on) {
    await this.local.setMicrophone(on);
  }

  /** @param {boolean} on */
  async setCamera(on) {
    await this.local.setCamera(on);
  }

  flipCamera() {
    return this.local.flip();
  }

  /** @param {import('./devices.js').Kind} kind @param {import('./devices.js').Device} device */
  chooseDevice(kind, device) {
    return this.local.choose(kind, device);
  }

  /** @returns {Promise<boolean>} false when the person changed their mind */
  shareScreen() {
    return this.local.shareScreen();
  }

  stopScreen() {
    this.local.stopScreen();
  }

  /** What the ear on my own microphone has found. @param {'system_muted' | 'nothing' | null} trouble */
  noteMicrophone(trouble) {
    if (trouble === this.microphoneTrouble) return;
    this.microphoneTrouble = trouble;
    this._tell();
  }

  /** Receive no pictures, to spare a weak line. @param {boolean} on */
  async setSoundOnly(on) {
    this.soundOnly = on;
    this._tell();
    await this._session.request('video_reception', { receives_video: !on });
  }

  // --- Chat ----------------------------------------------------------------------------------------------------

  /** @param {string} text @param {readonly Attachment[]} [attachments] */
  send(text, attachments = []) {
    const id = this._newId();
    this._reduceChat({ type: 'composed', id, text, attachments, at: this._now().toISOString() });
    return this._deliver(id);
  }

  /** Once more, as the same message. @param {string} id */
  retry(id) {
    this._reduceChat({ type: 'retried', id });
    return this._deliver(id);
  }

  /** @param {string} id */
  discard(id) {
    this._reduceChat({ type: 'discarded', id });
  }

  /** Say that I am typing; said at most every two seconds. */
  typing() {
    const now = this._now().getTime();
    if (now - this._typingToldAt < TYPING_TOLD_EVERY_MS) return;
    this._typingToldAt = now;
    this._session.request('chat_typing', {}).catch(() => {});
  }

  /** Everything that is there has been seen. */
  markRead() {
    const newest = this.room.messages.at(-1)?.seq ?? 0;
    if (!this.you || newest <= this._readTold || !unread(this.room, this.you.participant).length) return;
    this._readTold = newest;
    this._session.request('chat_read', { up_to: newest }).catch(() => {
      this._readTold = 0;
    });
    this._tell();
  }

  /**
   * Store a file with the consultation, to be sent with a message.
   * @param {File} file @param {(fraction: number) => void} onProgress @param {AbortSignal} [signal]
   * @returns {Promise<Attachment>}
   */
  upload(file, onProgress, signal) {
    return this._api.upload(`/consultations/${this.consultation}/attachments`, file, {
      query: { name: file.name },
      onProgress,
      signal,
    });
  }

  /**
   * An address for the bytes of an attachment, good for as long as this page; asked for once.
   * @param {Attachment} attachment @returns {Promise<string>}
   */
  openAttachment(attachment) {
    let url = this._blobs.get(attachment.id);
    if (!url) {
      url = this._api.blob(`/consultations/${this.consultation}/attachments/${attachment.id}`).then(
        (/** @type {Blob} */ blob) => URL.createObjectURL(new Blob([blob], { type: attachment.content_type })),
        (/** @type {unknown} */ error) => {
          this._blobs.delete(attachment.id);
          throw error;
        },
      );
      this._blobs.set(attachment.id, /** @type {Promise<string>} */ (url));
    }
    return /** @type {Promise<string>} */ (url);
  }

  // --- Consent, and what only the doctor may ----------------------------------------------------------------------

  /** @param {'given' | 'refused' | 'withdrawn'} decision */
  setConsent(decision) {
    return this._session.request('consent_set', { decision, ...this._consentShown() });
  }

  /** @param {string} participant */
  admit(participant) {
    return this._session.request('participant_admit', { participant });
  }

  /** @param {string} participant */
  hold(participant) {
    return this._session.request('participant_hold', { participant });
  }

  /** @param {string} participant */
  remove(participant) {
    return this._session.request('participant_remove', { participant });
  }

  startRecording() {
    return this._session.request('recording_start', {});
  }

  stopRecording() {
    return this._session.request('recording_stop', {});
  }

  finish() {
    return this._session.request('visit_finish', {});
  }

  // --- What comes from the server ----------------------------------------------------------------------------------

  _listen() {
    const session = this._session;
    const timer = setInterval(() => this._reduceChat({ type: 'typing_checked', now: this._now().getTime() }), 1000);
    const showing = setInterval(() => this._sendStill(), STILL_EVERY_MS);
    return [
      session.on('status', (status) => this._onLink(status)),
      session.on('entered', (answer) => this._onEntered(answer)),
      session.on('entry_failed', (error) => this._onEntryFailed(error)),
      session.on('events', (events) => this._onEvents(events)),
      session.on('seat_taken', () => this._onSeatTaken()),
      session.on('typing', ({ participant }) =>
        this._reduceChat({ type: 'typing', participant, until: this._now().getTime() + TYPING_SHOWN_MS }),
      ),
      session.on('still_picture', ({ participant, picture }) => {
        this.stills = { ...this.stills, [participant]: { jpeg: picture.jpeg, taken: this._now() } };
        this._tell();
      }),
      session.on('media_offer', (offer) => {
        if (!offer.probe) this.media.offered(offer); // a probe is the join page's
      }),
      session.on('ice_servers', (renewed) => this.media.renewed(renewed.ice_servers)),
      session.on('layers_wanted', ({ source, layers }) => this.media.wanted(source, layers)),
      session.on('media_state', (told) => this._onMediaState(told)),
      session.on('network_changed', () => this.media.restart()),
      session.on('quality', ({ participants }) => {
        this.quality = participants;
        this._tell();
      }),
      session.on('active_speaker', ({ participant }) => {
        this.speaker = participant ?? '';
        this._tell();
      }),
      this.local.on('changed', () => this._onLocal()),
      this.local.on('screen_ended', () => this._notice({ kind: 'screen_ended' })),
      this.local.on('lost', (kind) => this._notice({ kind: 'device_lost', text: kind })),
      this.media.on('changed', () => this._tell()),
      this.media.on('stats', () => this._tell()),
      this.media.on('report', (report) => this._reportReception(report)),
      () => clearInterval(timer),
      () => clearInterval(showing),
    ];
  }

  /** @param {import('../net/seat.js').SessionStatus} status */
  _onLink(status) {
    if (status !== 'connected') this._seated = false;
    if (status === 'reconnecting' && this.link === 'draining') return this._tell(); // said already, and why
    if (status === 'connected' || status === 'connecting' || status === 'reconnecting' || status === 'draining')
      this.link = status;
    return this._tell();
  }

  /** @param {{ participant: string, state: string }} told */
  _onMediaState({ participant, state }) {
    if (participant === this.you?.participant) {
      if (!this._mediaOn) return;
      this.media.told(state);
      this.cutOff = state === 'cut_off';
      this._tell();
      return;
    }
    if (this.silent.has(participant) === (state === 'silent')) return;
    const silent = new Set(this.silent);
    if (state === 'silent') silent.add(participant);
    else silent.delete(participant);
    this.silent = silent;
    this._tell();
  }

  /** @param {import('../net/seat.js').Entered} answer */
  _onEntered(answer) {
    this.silent = new Set(); // whoever still is will be told of again
    this.you = answer.you;
    this.about = answer.room;
    this._seated = true;
    this._live = true;
    if (answer.keeps_media && this._mediaOn) this._resumeMedia();
    else this._mediaOn = false; // the server closed what an earlier seat had
    this._settle();
    this._left = null;
    const left = unread(this.room, answer.you.participant);
    if (left.length > 0) {
      const author = participantOf(this.room, left[0].author)?.name ?? '';
      this._left = { name: author, text: left[0].body.text ?? '', count: left.length };
    }
    this._sendPrepared();
    if (this.soundOnly) this._session.request('video_reception', { receives_video: false }).catch(() => {});
    for (const message of this.chat.outgoing) if (message.state === 'sending') this._deliver(message.id);
  }

  /** @param {Error & { code: string }} error */
  _onEntryFailed(error) {
    this._seated = false;
    this._stopMedia();
    if (this.room.finishedAt) return;
    this.error = error;
    this._setPhase(this.me?.removed ? 'removed' : 'refused');
  }

  _onSeatTaken() {
    this._seated = false;
    this._stopMedia();
    this._setPhase('seat_taken');
  }

  /** @param {readonly WireEvent[]} events */
  _onEvents(events) {
    for (const event of events) {
      if (event.seq <= this.room.seq) continue;
      this.room = reduceRoom(this.room, event);
      if (event.kind === 'message_posted') {
        const mine = event.author === this.you?.participant;
        this.chat = reduceChat(this.chat, { type: 'posted', id: event.client_message_id, author: event.author, mine });
      }
      if (this._live) this._tellNews(event);
    }
    if (this._live) this._settle();
    else this._tell();
  }

  /** Bring phase and media in line with what the room says about me. */
  _settle() {
    const me = this.me;
    const withheld = me !== null && isPictureless(me.sends);
    if (withheld !== this._withheld) {
      this._withheld = withheld;
      this._onLocal();
    }
    const isStill = me !== null && this.others.some((viewer) => showsStills(me, viewer));
    if (isStill && !this._isStill) queueMicrotask(() => this._sendStill());
    this._isStill = isStill;
    if (this.room.finishedAt) {
      this._stopMedia();
      this._setPhase('finished');
      return;
    }
    if (me?.removed) {
      this._stopMedia();
      this._setPhase('removed');
      return;
    }
    if (!this._seated || !me) return this._tell();
    if (me.admitted) {
      this._startMedia();
      this._setPhase('call');
    } else {
      this._stopMedia();
      this._setPhase('waiting');
    }
    return undefined;
  }

  /** @param {WireEvent} event */
  _tellNews(event) {
    const myself = this.you?.participant;
    const name = participantOf(this.room, event.participant ?? event.author)?.name ?? '';
    const about = { participant: event.participant ?? event.author, name };
    if (event.participant === myself || event.author === myself) {
      if (event.kind === 'participant_admitted') this._notice({ kind: 'admitted', ...about });
      if (event.kind === 'participant_held') this._notice({ kind: 'held', ...about });
      if (event.kind === 'connection_rung_changed') this._noticeRung(about);
      return;
    }
    switch (event.kind) {
      case 'message_posted':
        return this._notice({ kind: 'message', ...about, text: event.body?.text ?? '' });
      case 'participant_arrived':
        return this._notice({ kind: 'arrived', ...about });
      case 'participant_admitted':
        return this._notice({ kind: 'joined', ...about });
      case 'participant_connected':
        return participantOf(this.room, event.participant)?.admitted
          ? this._notice({ kind: 'back', ...about })
          : undefined;
      case 'participant_disconnected':
        return participantOf(this.room, event.participant)?.admitted
          ? this._notice({ kind: 'gone', ...about })
          : undefined;
      case 'recording_started':
        return this._notice({ kind: 'recording_started' });
      case 'recording_stopped':
        return this._notice({ kind: 'recording_stopped', reason: event.reason });
      case 'connection_rung_changed':
        return this._noticeRung(about);
      case 'consent_recorded':
        return this._notice({ kind: 'consent', ...about, decision: event.decision });
      default:
        return undefined;
    }
  }

  /** Where only writing is left, both sides are led to it. @param {{ participant: string, name: string }} about */
  _noticeRung(about) {
    const person = participantOf(this.room, about.participant);
    if (person && rungOf(person) === 'live_text') this._notice({ kind: 'text_only', ...about });
  }

  // --- Media -------------------------------------------------------------------------------------------------------

  /** @returns {import('../rtc/connection.js').Signal} */
  _signal() {
    return {
      join: () => this._session.request('media_join', {}),
      answer: (generation, sdp) => this._session.request('media_answer', { generation, sdp }),
      restart: () => {
        this._session.hurry(); // what cut off the media may have cut off the socket, which notices much later
        return this._session.request('media_restart', {});
      },
      leave: () => (this._seated ? this._session.request('media_leave', {}) : Promise.resolve()),
    };
  }

  _startMedia() {
    if (this._mediaOn) return;
    this._mediaOn = true;
    this._published.clear();
    this.media.start().catch(() => {
      this._mediaOn = false; // the line broke: the next entry begins anew
    });
    this._onLocal();
  }

  /** After having been cut off: ask for media again. The server says so if it is too early. */
  tryMediaAgain() {
    this._mediaOn = false;
    this._settle();
  }

  _stopMedia() {
    this._published.clear();
    this._mediaOn = false;
    this.media.stop();
    this.local.stopScreen();
  }

  /** Our tracks changed: send the right ones, and say so. */
  _onLocal() {
    if (this._mediaOn && this._seated) {
      for (const source of /** @type {const} */ (['microphone', 'camera', 'screen'])) {
        this.media.publish(source, source !== 'microphone' && this._withheld ? null : this.local.tracks[source]);
        this._announceTrack(source);
      }
    }
    this._tell();
  }

  /** After a time without a socket: tell what has changed of our tracks since, going by what the room says of them. */
  async _resumeMedia() {
    const told = Object.entries(this.me?.tracks ?? {}).map(([source, { muted }]) => [source, muted]);
    this._published = new Map(/** @type {[Source, boolean][]} */ (told));
    this._onLocal();
    if ((await this.media.resume()) || !this._mediaOn || !this._seated) return;
    this._mediaOn = false;
    this._settle();
  }

  /** @param {Source} source */
  _announceTrack(source) {
    const wanted = this._trackState(source);
    const told = this._published.get(source);
    if (wanted === told) return;
    if (wanted === undefined) {
      this._published.delete(source);
      this._session.request('track_unpublish', { source }).catch(() => {});
      return;
    }
    this._published.set(source, wanted);
    const event = told === undefined ? 'track_publish' : 'track_mute';
    this._session.request(event, { source, muted: wanted }).catch(() => {
      if (this._published.get(source) === wanted) this._published.delete(source);
    });
  }

  /** Whether a track of ours is muted; undefined when we send none. @param {Source} source @returns {boolean | undefined} */
  _trackState(source) {
    if (source === 'screen') return this.local.tracks.screen ? false : undefined;
    const access = this.local.state.access[source];
    if (access === 'off') return true;
    if (!this.local.tracks[source]) return this._published.has(source) ? true : undefined;
    return this.local.muted[source] || this.local.state.interruption[source] === 'muted';
  }

  /** Where a connection carries no moving picture of mine but a still one, show it anew. */
  async _sendStill() {
    const camera = this.local.tracks.camera;
    if (!this._isStill || !camera || !this._mediaOn || !this._seated || this._trackState('camera') !== false) return;
    const jpeg = await this._takeStill(camera);
    if (jpeg) this._session.request('still_send', { picture: { scheme: 'server', jpeg } }).catch(() => {});
  }

  /** @param {RTCStatsReport} stats */
  _reportReception(stats) {
    const report = this._reception.look(stats.values(), this._now().getTime());
    if (report && this._seated && this._mediaOn) this._session.request('quality_report', report).catch(() => {});
  }

  // --- Small change ------------------------------------------------------------------------------------------------

  /** @param {string} id @param {number} [attempt] */
  async _deliver(id, attempt = 0) {
    const message = this.chat.outgoing.find((item) => item.id === id);
    if (!message) return;
    const body = { scheme: 'server', text: message.text };
    try {
      await this._session.request('chat_send', { id, body, attachments: message.attachments.map((item) => item.id) });
    } catch (error) {
      const code = errorCode(error);
      if (code === 'offline') return; // sent again after the next entry
      if (PASSING.has(code) && attempt < RETRIES) this._deliverLater(id, attempt + 1);
      else this._reduceChat({ type: 'failed', id, code });
    }
  }

  /**
   * Only from the same seat: the session may be in another consultation by then, and every entry sends what waits again.
   * @param {string} id @param {number} attempt
   */
  _deliverLater(id, attempt) {
    setTimeout(() => this._seated && this._deliver(id, attempt), RETRY_MS * 2 ** (attempt - 1));
  }

  /** What was settled before entering is told once. */
  _sendPrepared() {
    const { readiness, consent } = this._prepared;
    this._prepared = {};
    if (readiness) this._session.request('readiness_report', readiness).catch(() => {});
    if (consent && this.me?.consent?.decision !== consent.decision)
      this._session.request('consent_set', consent).catch(() => {});
  }

  /** @param {import('./chat.js').ChatAction} action */
  _reduceChat(action) {
    const next = reduceChat(this.chat, action);
    if (next === this.chat) return;
    this.chat = next;
    this._tell();
  }

  /** @param {Phase} phase */
  _setPhase(phase) {
    this.phase = phase;
    this._tell();
  }

  _tell() {
    for (const listener of [...this._subscribers]) listener();
  }

  /** @param {Notice} notice */
  _notice(notice) {
    for (const listener of [...this._noticed]) listener(notice);
  }
}

/** @param {unknown} error */
function errorCode(error) {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'internal';
}

/** 128 bits as 32 letters. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

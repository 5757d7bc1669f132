// @ts-check
/**
 * One consultation room as its events tell it: a pure reducer, the same for patient, guest and doctor.
 *
 * `reduceRoom(state, event)` takes wire events in their order; one that was taken before changes nothing. The session
 * sees to it that none is missing. Nothing here knows the page, the socket or the clock.
 */

/** @typedef {'patient' | 'clinician' | 'guest'} Role */
/** @typedef {'microphone' | 'camera' | 'screen'} Source */
/** @typedef {'given' | 'refused' | 'withdrawn'} Decision */
/** @typedef {{ decision: Decision, version: string, language: string, text: string, at: string }} Consent */
/** @typedef {{ camera: string, microphone: string, speaker: string, roundTripMs: number | null, media: string }} Readiness */
/**
 * @typedef {object} Participant
 * @property {string} id
 * @property {Role} role
 * @property {string} name
 * @property {string} language
 * @property {string} waitingSince  RFC 3339: arrival, or when they were last held
 * @property {boolean} connected  a browser of theirs holds the seat
 * @property {boolean} admitted  may be in the call
 * @property {boolean} held  was in the call and was sent back to wait
 * @property {boolean} removed  dismissed for good
 * @property {boolean} receivesVideo  false: they chose sound only
 * @property {import('./ladder.js').Rung} receives  what their connection carries towards them
 * @property {import('./ladder.js').Rung} sends  and from them
 * @property {Consent | null} consent  the latest answer about recording; null: none, or not for our eyes
 * @property {Readiness | null} readiness  what their device check found
 * @property {Readonly<Partial<Record<Source, { muted: boolean }>>>} tracks  what they send
 */
/** @typedef {{ id: string, name: string, content_type: string, size_bytes: number }} Attachment */
/** @typedef {{ scheme: string, text?: string | null, key_id?: string | null, ciphertext?: string | null }} Body */
/**
 * @typedef {object} Message
 * @property {number} seq
 * @property {string} at
 * @property {string} author
 * @property {string} clientMessageId
 * @property {Body} body
 * @property {readonly Attachment[]} attachments
 */
/** @typedef {{ id: string, on: boolean, since: string, stopReason: string | null }} Recording */
/**
 * @typedef {object} RoomState
 * @property {number} seq  of the newest event taken
 * @property {string} clinician
 * @property {readonly Participant[]} participants  everybody who ever arrived, in order of arrival
 * @property {readonly Message[]} messages
 * @property {Readonly<Record<string, number>>} reads  participant -> seq of the newest message they have seen
 * @property {Recording | null} recording
 * @property {string | null} startedAt  when the patient was first admitted
 * @property {string | null} finishedAt
 */
/** @typedef {{ seq: number, at: string, kind: string, [field: string]: any }} WireEvent */

/** @type {RoomState} */
export const emptyRoom = Object.freeze({
  seq: 0,
  clinician: '',
  participants: Object.freeze([]),
  messages: Object.freeze([]),
  reads: Object.freeze({}),
  recording: null,
  startedAt: null,
  finishedAt: null,
});

/**
 * @param {RoomState} state
 * @param {WireEvent} event
 * @returns {RoomState}
 */
export function reduceRoom(state, event) {
  if (event.seq <= state.seq) return state;
  const apply = APPLIERS[event.kind];
  return { ...(apply ? apply(state, event) : state), seq: event.seq };
}

/** @param {RoomState} state @param {string | null | undefined} id @returns {Participant | null} */
export function participantOf(state, id) {
  return state.participants.find((person) => person.id === id) ?? null;
}

/** Everybody who may be in the call and is connected. @param {RoomState} state */
export function inCall(state) {
  return state.participants.filter((person) => person.admitted && person.connected);
}

/** Everybody in the call, and those whose connection is lost for the moment. @param {RoomState} state */
export function admitted(state) {
  return state.participants.filter((person) => person.admitted);
}

/** Everybody in the waiting room who is there. @param {RoomState} state */
export function waiting(state) {
  return state.participants.filter((person) => !person.admitted && !person.removed && person.connected);
}

/** Those in the call who have agreed to be recorded. @param {RoomState} state */
export function agreed(state) {
  return admitted(state).filter((person) => person.consent?.decision === 'given');
}

/** Those in the call who have not (yet) agreed. @param {RoomState} state */
export function notAgreed(state) {
  return admitted(state).filter((person) => person.consent?.decision !== 'given');
}

/** @param {RoomState} state */
export function isRecording(state) {
  return state.recording?.on === true;
}

/** Messages of others that came after what this person has seen. @param {RoomState} state @param {string} reader */
export function unread(state, reader) {
  const seen = state.reads[reader] ?? 0;
  return state.messages.filter((message) => message.seq > seen && message.author !== reader);
}

/** @type {Record<string, (state: RoomState, event: WireEvent) => RoomState>} */
const APPLIERS = {
  room_opened: (state, event) => ({ ...state, clinician: event.clinician }),
  participant_arrived: (state, event) => arrive(state, event),
  participant_connected: (state, event) =>
    change(state, event.participant, { connected: true, receives: 'high_video', sends: 'high_video' }),
  participant_disconnected: (state, event) => change(state, event.participant, { connected: false, tracks: {} }),
  readiness_reported: (state, event) =>
    change(state, event.participant, {
      readiness: {
        camera: event.camera,
        microphone: event.microphone,
        speaker: event.speaker,
        roundTripMs: event.round_trip_ms ?? null,
        media: event.media ?? 'unknown',
      },
    }),
  participant_admitted: (state, event) => {
    const person = participantOf(state, event.participant);
    const startedAt = person?.role === 'patient' ? (state.startedAt ?? event.at) : state.startedAt;
    return { ...change(state, event.participant, { admitted: true, held: false }), startedAt };
  },
  participant_held: (state, event) =>
    change(state, event.participant, { admitted: false, held: true, waitingSince: event.at, tracks: {} }),
  participant_removed: (state, event) =>
    change(state, event.participant, { admitted: false, removed: true, connected: false, tracks: {} }),
  consent_recorded: (state, event) =>
    change(state, event.participant, {
      consent: {
        decision: event.decision,
        version: event.version,
        language: event.language,
        text: event.text,
        at: event.at,
      },
    }),
  message_posted: (state, event) => ({
    ...state,
    messages: [
      ...state.messages,
      {
        seq: event.seq,
        at: event.at,
        author: event.author,
        clientMessageId: event.client_message_id,
        body: event.body,
        attachments: event.attachments ?? [],
      },
    ],
  }),
  messages_read: (state, event) => ({
    ...state,
    reads: { ...state.reads, [event.participant]: Math.max(state.reads[event.participant] ?? 0, event.up_to) },
  }),
  track_published: (state, event) =>
    changeTracks(state, event, (tracks) => ({ ...tracks, [event.source]: { muted: event.muted } })),
  track_muted: (state, event) =>
    changeTracks(state, event, (tracks) => ({ ...tracks, [event.source]: { muted: event.muted } })),
  track_unpublished: (state, event) => changeTracks(state, event, (tracks) => without(tracks, event.source)),
  video_reception_changed: (state, event) => change(state, event.participant, { receivesVideo: event.receives_video }),
  connection_rung_changed: (state, event) =>
    change(state, event.participant, { receives: event.receives, sends: event.sends }),
  recording_started: (state, event) => ({
    ...state,
    recording: { id: event.recording, on: true, since: event.at, stopReason: null },
  }),
  recording_stopped: (state, event) => ({
    ...state,
    recording: { id: event.recording, on: false, since: state.recording?.since ?? event.at, stopReason: event.reason },
  }),
  visit_finished: (state, event) => ({
    ...state,
    finishedAt: event.at,
    participants: state.participants.map((person) => ({ ...person, connected: false, admitted: false, tracks: {} })),
  }),
};

/** @param {RoomState} state @param {WireEvent} event @returns {RoomState} */
function arrive(state, event) {
  /** @type {Participant} */
  const person = {
    id: event.participant,
    role: event.role,
    name: event.name,
    language: event.language,
    waitingSince: event.at,
    connected: false,
    admitted: event.role === 'clinician',
    held: false,
    removed: false,
    receivesVideo: true,
    receives: 'high_video',
    sends: 'high_video',
    consent: null,
    readiness: null,
    tracks: {},
  };
  return { ...state, participants: [...state.participants.filter((other) => other.id !== person.id), person] };
}

/** @param {RoomState} state @param {string} id @param {Partial<Participant>} changes @returns {RoomState} */
function change(state, id, changes) {
  return {
    ...state,
    participants: state.participants.map((person) => (person.id === id ? { ...person, ...changes } : person)),
  };
}

/**
 * @param {RoomState} state @param {WireEvent} event
 * @param {(tracks: Participant['tracks']) => Participant['tracks']} next
 * @returns {RoomState}
 */
function changeTracks(state, event, next) {
  const person = participantOf(state, event.participant);
  return person ? change(state, person.id, { tracks: next(person.tracks) }) : state;
}

/** @param {Participant['tracks']} tracks @param {Source} source @returns {Participant['tracks']} */
function without(tracks, source) {
  const { [source]: _gone, ...rest } = tracks;
  return rest;
}

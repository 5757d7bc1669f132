// @ts-check
/**
 * An archived visit laid along the recording's time: where each event falls, who was recorded when, and what is on at a moment.
 * All positions are milliseconds from the start of the composed file.
 */

/**
 * @typedef {{ started_at: string, stopped_at: string | null, offset_ms: number }} Span
 * @typedef {{
 *   offset_ms: number | null, at: string, kind: string, participant?: string | null, name?: string | null, text?: string | null,
 *   decision?: string | null, source?: string | null, reason?: string | null, seq?: number, role?: string,
 *   receives?: import('./ladder.js').Rung | null, sends?: import('./ladder.js').Rung | null,
 * }} TimelineEvent
 * @typedef {{ id: string, name: string, content_type: string, size_bytes: number }} Attachment
 * @typedef {{
 *   seq: number, at: string, offset_ms: number | null, author: string, author_name: string, text: string | null, attachments: Attachment[],
 * }} Message
 * @typedef {{
 *   participant: string, source: string, index?: number, started_at?: string, offset_ms?: number | null, duration_ms: number,
 *   codec?: string, size_bytes?: number, sha256?: string, closed?: boolean,
 * }} Segment
 * @typedef {{ participant: string, source: string, offset_ms: number | null, at: string, duration_ms: number, reason: string }} Gap
 * @typedef {{ participant: string, from_ms: number, to_ms: number }} Speech
 * @typedef {{
 *   id: string, state: import('./clinic.js').RecordingState, duration_ms: number, size_bytes: number, sha256: string, progress: number,
 *   failure?: string, spans: Span[], segments: Segment[], gaps: Gap[], speech?: Speech[],
 * }} Recording
 * @typedef {{ participant: string, name: string, decision: string, version: string, language: string, at: string, text: string }} Consent
 * @typedef {{ at: string, fault: string | null, file: string, segments: number }} Check
 * @typedef {{ signed_at: string | null, key: string, root: string, check: Check | null, destroyed_at?: string | null }} Integrity
 * @typedef {{ participant: string, name: string, role: string }} Person
 * @typedef {{
 *   consultation: import('./clinic.js').ConsultationSummary, participants: Person[], recording?: Recording | null,
 *   timeline: TimelineEvent[], messages: Message[], note?: import('./clinic.js').VisitNote | null, consents: Consent[],
 *   quality: import('./quality.js').QualityMinute[], integrity?: Integrity | null, destroyed_at?: string | null,
 * }} ArchiveRecord
 * @typedef {{ from: number, to: number }} Stretch
 * @typedef {{ key: string, participant: string, name: string, source: string, bars: Stretch[], gaps: Stretch[], speech: Stretch[] }} Lane
 * @typedef {{ type: 'message', key: string, offset: number | null, at: string, message: Message }
 *   | { type: 'event', key: string, offset: number | null, at: string, event: TimelineEvent }} Line
 */

/**
 * Where an instant falls in the composed file. An instant while nothing was recorded falls on the next span's beginning,
 * one after the last span on its end.
 * @param {readonly Span[]} spans in order of time
 * @param {number} at epoch milliseconds
 * @returns {number | null} null when it was before anything was recorded or nothing was
 */
export function offsetAt(spans, at) {
  if (!spans.length || at < Date.parse(spans[0].started_at)) return null;
  let end = 0;
  for (const span of spans) {
    const start = Date.parse(span.started_at);
    if (at < start) return span.offset_ms;
    const stop = span.stopped_at ? Date.parse(span.stopped_at) : Infinity;
    if (at <= stop) return span.offset_ms + (at - start);
    end = span.offset_ms + (stop - start);
  }
  return end;
}

/** What a reader of the archive need not see: seats flicker, devices report. */
const QUIET = new Set([
  'readiness_reported',
  'messages_read',
  'message_posted',
  'track_muted',
  'video_reception_changed',
  'room_opened',
]);

/** What deserves a place in the list of chapters. */
const CHAPTERS = new Set([
  'participant_admitted',
  'participant_held',
  'recording_started',
  'recording_stopped',
  'visit_finished',
  'consent_recorded',
]);

/**
 * @param {TimelineEvent} event
 * @returns {boolean}
 */
export function isChapter(event) {
  return (
    CHAPTERS.has(event.kind) ||
    ((event.kind === 'track_published' || event.kind === 'track_unpublished') && event.source === 'screen')
  );
}

/**
 * Messages and events as one list in the order they happened; an event says what the person it is about was there.
 * @param {Pick<ArchiveRecord, 'messages' | 'timeline' | 'participants'>} record
 * @returns {Line[]}
 */
export function transcriptOf({ messages, timeline, participants }) {
  /** @type {Line[]} */
  const lines = messages.map((message) => ({
    type: 'message',
    key: `m${message.seq}`,
    offset: message.offset_ms,
    at: message.at,
    message,
  }));
  timeline.forEach((event, index) => {
    const isTrack = event.kind === 'track_published' || event.kind === 'track_unpublished';
    if (QUIET.has(event.kind) || (isTrack && event.source !== 'screen')) return;
    const role = participants.find((each) => each.participant === event.participant)?.role;
    lines.push({
      type: 'event',
      key: `e${event.seq ?? index}-${index}`,
      offset: event.offset_ms,
      at: event.at,
      event: { ...event, role },
    });
  });
  return lines.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

/**
 * The line that is on at `position`: the last one that has begun. -1 before the first.
 * @param {readonly { offset: number | null }[]} lines
 * @param {number} position
 */
export function lineAt(lines, position) {
  let found = -1;
  for (let i = 0; i < lines.length; i += 1) {
    const { offset } = lines[i];
    if (offset === null) continue;
    if (offset > position) break;
    found = i;
  }
  return found;
}

/**
 * One lane for each recorded track, people in the order of the record, a person's voice, with when they spoke, before their picture.
 * @param {Pick<ArchiveRecord, 'participants' | 'recording'>} record
 * @returns {Lane[]}
 */
export function lanesOf({ participants, recording }) {
  if (!recording) return [];
  const order = ['microphone', 'camera', 'screen'];
  /** @type {Map<string, Lane>} */
  const lanes = new Map();
  for (const segment of recording.segments) {
    const from = startOf(segment, recording.spans);
    if (from === null) continue;
    const key = `${segment.participant} ${segment.source}`;
    const lane = lanes.get(key) ?? {
      key,
      participant: segment.participant,
      source: segment.source,
      bars: [],
      gaps: [],
      speech: [],
      name: participants.find((each) => each.participant === segment.participant)?.name ?? '',
    };
    lane.bars.push({ from, to: from + segment.duration_ms });
    lanes.set(key, lane);
  }
  for (const gap of recording.gaps) {
    const lane = lanes.get(`${gap.participant} ${gap.source}`);
    if (lane) lane.gaps.push(...stretchOf(gap, recording.spans));
  }
  for (const { participant, from_ms: from, to_ms: to } of recording.speech ?? []) {
    lanes.get(`${participant} microphone`)?.speech.push({ from, to });
  }
  const place = (/** @type {string} */ id) => participants.findIndex((each) => each.participant === id);
  return [...lanes.values()].sort(
    (a, b) => place(a.participant) - place(b.participant) || order.indexOf(a.source) - order.indexOf(b.source),
  );
}

/**
 * Stretches in which something is missing, with whose and why.
 * @param {Recording} recording
 * @returns {(Stretch & { participant: string, source: string, reason: string })[]}
 */
export function gapsOf(recording) {
  return recording.gaps.flatMap((gap) =>
    stretchOf(gap, recording.spans).map((stretch) => ({
      ...stretch,
      participant: gap.participant,
      source: gap.source,
      reason: gap.reason,
    })),
  );
}

/**
 * @param {Gap} gap
 * @param {readonly Span[]} spans
 * @returns {Stretch[]}
 */
function stretchOf(gap, spans) {
  const from = startOf(gap, spans);
  return from === null ? [] : [{ from, to: from + gap.duration_ms }];
}

/**
 * @param {{ offset_ms?: number | null, started_at?: string, at?: string }} thing
 * @param {readonly Span[]} spans
 * @returns {number | null}
 */
function startOf(thing, spans) {
  if (thing.offset_ms !== null && thing.offset_ms !== undefined) return thing.offset_ms;
  const instant = thing.started_at ?? thing.at;
  return instant ? offsetAt(spans, Date.parse(instant)) : null;
}

/**
 * The newest answer of each person about recording.
 * @param {readonly Consent[]} consents in order of time
 * @returns {Consent[]}
 */
export function latestConsents(consents) {
  /** @type {Map<string, Consent>} */
  const latest = new Map();
  for (const consent of consents) latest.set(consent.participant, consent);
  return [...latest.values()];
}

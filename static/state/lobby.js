// @ts-check
/**
 * The doctor's waiting rooms as a pure reducer: who waits where, how ready they are, and who has just come.
 */

/**
 * @typedef {{ camera: string, microphone: string, speaker: string, round_trip_ms: number | null, media: string }} Readiness
 * @typedef {{
 *   participant: string, name: string, role: string, since: string, connected: boolean,
 *   readiness?: Readiness | null, consent: 'given' | 'refused' | 'withdrawn' | 'none',
 * }} WaitingPerson
 * @typedef {{ consultation: string, status: string, waiting: WaitingPerson[], in_call: string[], recording: boolean, unread: number }} LobbyEntry
 * @typedef {{
 *   known: boolean, live: boolean, entries: Readonly<Record<string, LobbyEntry>>,
 *   announced: ReadonlySet<string>, arrivals: readonly { consultation: string, person: WaitingPerson }[],
 * }} Lobby
 * @typedef {{ type: 'watched', consultations: LobbyEntry[] } | { type: 'changed', entry: LobbyEntry } | { type: 'lost' }} LobbyAction
 * @typedef {'good' | 'weak' | 'poor' | 'unknown'} LinkQuality
 */

/** @type {Lobby} `known` once the server has answered; `live` while its pushes reach us. */
export const emptyLobby = Object.freeze({
  known: false,
  live: false,
  entries: Object.freeze({}),
  announced: new Set(),
  arrivals: [],
});

/**
 * `arrivals` holds whom this very action brought: the caller rings once for each, and they are gone with the next action.
 * Somebody whose connection flickers is not announced again until they have left the waiting room.
 * @param {Lobby} lobby
 * @param {LobbyAction} action
 * @returns {Lobby}
 */
export function reduceLobby(lobby, action) {
  switch (action.type) {
    case 'watched': {
      const entries = Object.fromEntries(action.consultations.map((entry) => [entry.consultation, entry]));
      const settled = announce(lobby, entries);
      // What was there when the page opened is shown, not rung for.
      return { ...settled, known: true, live: true, arrivals: lobby.known ? settled.arrivals : [] };
    }
    case 'changed': {
      const entries = { ...lobby.entries, [action.entry.consultation]: action.entry };
      return { ...announce(lobby, entries), live: true };
    }
    case 'lost':
      return { ...lobby, live: false, arrivals: [] };
    default:
      return lobby;
  }
}

/**
 * @param {Lobby} lobby
 * @param {Readonly<Record<string, LobbyEntry>>} entries
 * @returns {Lobby}
 */
function announce(lobby, entries) {
  /** @type {Set<string>} */
  const announced = new Set();
  const arrivals = [];
  for (const entry of Object.values(entries)) {
    for (const person of entry.waiting) {
      const key = `${entry.consultation} ${person.participant}`;
      if (lobby.announced.has(key)) announced.add(key);
      else if (person.connected) {
        announced.add(key);
        arrivals.push({ consultation: entry.consultation, person });
      }
    }
  }
  return { ...lobby, entries, announced, arrivals };
}

/**
 * Everybody who waits, the longest waiting first; those whose connection is gone come last.
 * @param {Lobby} lobby
 * @param {{ except?: string }} [options] a consultation to leave out
 * @returns {{ consultation: string, person: WaitingPerson }[]}
 */
export function waitingPeople(lobby, { except } = {}) {
  return Object.values(lobby.entries)
    .filter((entry) => entry.consultation !== except)
    .flatMap((entry) => entry.waiting.map((person) => ({ consultation: entry.consultation, person })))
    .sort(
      (a, b) =>
        Number(b.person.connected) - Number(a.person.connected) ||
        Date.parse(a.person.since) - Date.parse(b.person.since),
    );
}

/**
 * How many people are at the door now: those whose connection is gone do not count.
 * @param {Lobby} lobby
 */
export function waitingCount(lobby) {
  return waitingPeople(lobby).filter(({ person }) => person.connected).length;
}

/**
 * @param {number | null | undefined} roundTripMs
 * @returns {LinkQuality}
 */
export function linkQuality(roundTripMs) {
  if (roundTripMs === null || roundTripMs === undefined) return 'unknown';
  if (roundTripMs <= 200) return 'good';
  return roundTripMs <= 500 ? 'weak' : 'poor';
}

/**
 * What the device check found, in the order it is shown; `tone` is for the badge, `state` for the words.
 * @param {WaitingPerson} person
 * @returns {{ what: 'camera' | 'microphone' | 'connection' | 'consent', state: string, tone: 'good' | 'warning' | 'danger' | 'neutral' }[]}
 */
export function readinessOf(person) {
  const { camera = 'unknown', microphone = 'unknown', round_trip_ms = null, media } = person.readiness ?? {};
  const link = !person.connected ? 'gone' : media === 'blocked' ? 'no_media' : linkQuality(round_trip_ms);
  return [
    { what: 'camera', state: camera, tone: deviceTone(camera) },
    { what: 'microphone', state: microphone, tone: deviceTone(microphone) },
    { what: 'connection', state: link, tone: LINK_TONES[link] },
    { what: 'consent', state: person.consent, tone: CONSENT_TONES[person.consent] ?? 'neutral' },
  ];
}

/** @type {Record<string, 'good' | 'warning' | 'danger' | 'neutral'>} */
const LINK_TONES = {
  good: 'good',
  weak: 'warning',
  poor: 'danger',
  no_media: 'danger',
  gone: 'danger',
  unknown: 'neutral',
};

/** @type {Record<string, 'good' | 'warning' | 'danger' | 'neutral'>} */
const CONSENT_TONES = { given: 'good', refused: 'warning', withdrawn: 'warning', none: 'neutral' };

/**
 * @param {string} state
 * @returns {'good' | 'warning' | 'neutral'}
 */
function deviceTone(state) {
  if (state === 'ok') return 'good';
  return state === 'unknown' ? 'neutral' : 'warning';
}

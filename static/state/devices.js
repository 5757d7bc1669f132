// @ts-check
/**
 * Cameras, microphones and speakers as plain data: what there is, what is chosen, what the browser allows.
 *
 * A device is remembered by id and by its label, because some browsers give new ids after each visit.
 */

/** @typedef {'microphone' | 'camera' | 'speaker'} Kind */
/** @typedef {{ id: string, label: string }} Device */
/** 'busy': another program holds it. @typedef {'unknown' | 'asking' | 'open' | 'blocked' | 'absent' | 'busy' | 'off'} Access */
/** The server's words. @typedef {'ok' | 'silent' | 'absent' | 'blocked' | 'unknown'} DeviceState */
/** What the system did to a device of ours, for a phone call say: silenced its track, or ended it.
 * @typedef {'none' | 'muted' | 'ended'} Interruption */
/**
 * @typedef {object} DevicesState
 * @property {Readonly<Record<Kind, readonly Device[]>>} found
 * @property {Readonly<Partial<Record<Kind, Device>>>} chosen
 * @property {Readonly<Record<'microphone' | 'camera', Access>>} access
 * @property {Readonly<Record<'microphone' | 'camera', Interruption>>} interruption
 */
/**
 * @typedef {{ type: 'found', devices: readonly { kind: string, deviceId: string, label: string }[] }
 *   | { type: 'chosen', kind: Kind, device: Device }
 *   | { type: 'access', kind: 'microphone' | 'camera', access: Access }
 *   | { type: 'interrupted', kind: 'microphone' | 'camera', by: Interruption }} DevicesAction
 */

/** @type {DevicesState} */
export const emptyDevices = Object.freeze({
  found: Object.freeze({ microphone: [], camera: [], speaker: [] }),
  chosen: Object.freeze({}),
  access: Object.freeze({ microphone: 'unknown', camera: 'unknown' }),
  interruption: Object.freeze({ microphone: 'none', camera: 'none' }),
});

/** @type {Record<string, Kind>} */
const KINDS = { audioinput: 'microphone', videoinput: 'camera', audiooutput: 'speaker' };

/** @param {DevicesState} state @param {DevicesAction} action @returns {DevicesState} */
export function reduceDevices(state, action) {
  switch (action.type) {
    case 'found': {
      /** @type {Record<Kind, Device[]>} */
      const found = { microphone: [], camera: [], speaker: [] };
      for (const { kind, deviceId, label } of action.devices) {
        const ours = KINDS[kind];
        // Without permission browsers list one nameless device of each kind: nothing to choose from yet.
        if (ours && deviceId && deviceId !== 'communications') found[ours].push({ id: deviceId, label });
      }
      return { ...state, found };
    }
    case 'chosen':
      return { ...state, chosen: { ...state.chosen, [action.kind]: action.device } };
    case 'access':
      return { ...state, access: { ...state.access, [action.kind]: action.access } };
    case 'interrupted':
      return { ...state, interruption: { ...state.interruption, [action.kind]: action.by } };
    default:
      return state;
  }
}

/**
 * The device to open: the one chosen if it is there (by id, else by label), otherwise null for the browser's own choice.
 * @param {DevicesState} state @param {Kind} kind
 * @returns {Device | null}
 */
export function wanted(state, kind) {
  const chosen = state.chosen[kind];
  if (!chosen) return null;
  const found = state.found[kind];
  return (
    found.find((device) => device.id === chosen.id) ??
    found.find((device) => device.label === chosen.label && device.label !== '') ??
    null
  );
}

/**
 * What the system holds although the person wants it on, as the page says it.
 * @param {DevicesState} state @param {Readonly<Record<'microphone' | 'camera', boolean>>} muted  by the person's own choice
 * @returns {'none' | 'microphone' | 'camera' | 'both'}
 */
export function interrupted({ interruption, access }, muted) {
  const isHeld = (/** @type {'microphone' | 'camera'} */ kind) =>
    interruption[kind] === 'muted' || (interruption[kind] === 'ended' && access[kind] === 'busy');
  const microphone = isHeld('microphone') && !muted.microphone;
  const camera = isHeld('camera') && !muted.camera;
  if (microphone && camera) return 'both';
  return microphone ? 'microphone' : camera ? 'camera' : 'none';
}

/**
 * What getUserMedia's refusal means.
 * @param {string} errorName
 * @returns {Access}
 */
export function accessAfter(errorName) {
  switch (errorName) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'blocked';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'absent';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'unknown';
  }
}

/**
 * What the device check tells the doctor.
 * @param {Access} access @param {{ silent?: boolean }} [measured]  `silent`: nothing was heard although it is open
 * @returns {DeviceState}
 */
export function deviceState(access, { silent = false } = {}) {
  switch (access) {
    case 'open':
      return silent ? 'silent' : 'ok';
    case 'blocked':
    case 'busy':
      return 'blocked';
    case 'absent':
      return 'absent';
    default:
      return 'unknown';
  }
}

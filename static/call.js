// @ts-check
/** Joins the parts of a call for the pages that hold one: `const call = openCall(id, { local })`, then `call.enter()`. */
import { language } from './i18n/i18n.js';
import { api } from './net/api.js';
import { meta } from './net/meta.js';
import { session } from './net/session.js';
import { MediaConnection } from './rtc/connection.js';
import { LocalMedia } from './rtc/devices.js';
import { takeStill } from './rtc/still.js';
import { CallController } from './state/call-controller.js';

/**
 * @param {string} consultation
 * @param {{ local?: LocalMedia, prepared?: import('./state/call-controller.js').Prepared }} [options]
 *   `local`: devices that are open already; otherwise call `call.local.open()` before or after entering
 */
export function openCall(consultation, { local = new LocalMedia(), prepared = {} } = {}) {
  return new CallController({
    consultation,
    session,
    local,
    connect: (signal) => new MediaConnection({ signal }),
    takeStill,
    api,
    consentShown: () => ({ version: meta.consent.version, language: language() }),
    prepared,
  });
}

/** What the join page hands to the visit page, so that the camera stays on in between. */
/** @type {{ consultation: string, local: LocalMedia, prepared: import('./state/call-controller.js').Prepared } | null} */
let handed = null;

const READY = 'consilium.ready.';

/**
 * The person is ready: remember it for this tab, so that a reload goes straight back into the room.
 * @param {string} consultation @param {LocalMedia} local @param {import('./state/call-controller.js').Prepared} prepared
 */
export function handOver(consultation, local, prepared) {
  handed = { consultation, local, prepared };
  rememberReady(consultation, local);
}

/**
 * The devices for a visit: those from the join page, or after a reload new ones as they were. Null: not ready yet.
 * @param {string} consultation
 * @returns {{ local: LocalMedia, prepared: import('./state/call-controller.js').Prepared } | null}
 */
export function takeOver(consultation) {
  const fresh = handed;
  handed = null;
  if (fresh?.consultation === consultation) return fresh;
  fresh?.local.close();
  const muted = rememberedReady(consultation);
  if (!muted) return null;
  const local = new LocalMedia();
  local.muted = muted;
  return { local, prepared: {} };
}

/** @param {string} consultation @param {LocalMedia} local */
export function rememberReady(consultation, local) {
  try {
    sessionStorage.setItem(READY + consultation, JSON.stringify(local.muted));
  } catch {
    // storage is refused: a reload begins with the device check again
  }
}

/** @param {string} consultation @returns {{ microphone: boolean, camera: boolean } | null} */
function rememberedReady(consultation) {
  try {
    const stored = JSON.parse(sessionStorage.getItem(READY + consultation) ?? 'null');
    return stored && { microphone: stored.microphone === true, camera: stored.camera === true };
  } catch {
    return null;
  }
}

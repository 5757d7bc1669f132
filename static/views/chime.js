// @ts-check
/** The doorbell when somebody comes into a waiting room, and its switch, which is remembered. */
import { playSignal } from '../rtc/meter.js';

const STORED_AS = 'consilium.chime';

export function isChimeOn() {
  try {
    return localStorage.getItem(STORED_AS) !== 'off';
  } catch {
    return true;
  }
}

/** @param {boolean} on */
export function setChime(on) {
  try {
    localStorage.setItem(STORED_AS, on ? 'on' : 'off');
  } catch {
    // storage is refused: it rings again next time
  }
}

/** Ring, unless it is switched off. */
export function chime() {
  if (isChimeOn()) playSignal('arrived');
}

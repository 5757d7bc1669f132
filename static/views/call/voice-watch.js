// @ts-check
import { t } from '../../i18n/i18n.js';
import { Meter } from '../../rtc/meter.js';
import { toast } from '../toast.js';

const SPEAKING_MS = 900; // a cough isn't speech
const DEAD_MS = 5000; // not even noise for so long: the microphone is switched off
const SAID_EVERY_MS = 30_000;

/** @typedef {'system_muted' | 'nothing' | null} Trouble  why nobody hears an open microphone */

/**
 * Listens to one's own microphone during the call: says when one speaks although muted, and tells `onTrouble` when an open
 * microphone is muted by the system or delivers nothing, and when that is over.
 */
export class VoiceWatch {
  /** @param {(trouble: Trouble) => void} onTrouble */
  constructor(onTrouble) {
    this._onTrouble = onTrouble;
    /** @type {Meter | null} */
    this._meter = null;
    /** @type {MediaStreamTrack | null} */
    this._track = null;
    this._muted = false;
    this._speakingSince = 0;
    this._saidAt = -Infinity;
  }

  /** @param {MediaStreamTrack | null} track @param {boolean} muted */
  watch(track, muted) {
    this._muted = muted;
    if (track === this._track) {
      if (muted) this._onTrouble(null);
      return;
    }
    this.stop();
    this._track = track;
    if (!track) return;
    this._meter = new Meter(track);
    this._meter.on('reading', (reading) => this._onReading(reading));
  }

  stop() {
    this._meter?.close();
    this._meter = null;
    this._track = null;
    this._speakingSince = 0;
    this._onTrouble(null);
  }

  /** @param {import('../../rtc/meter.js').Reading} reading */
  _onReading({ speaking, deadMs }) {
    const now = performance.now();
    this._onTrouble(troubleOf(this._track, this._muted, deadMs));
    if (!speaking) this._speakingSince = 0;
    else this._speakingSince ||= now;
    if (now - this._saidAt < SAID_EVERY_MS) return;
    const speaks = this._speakingSince > 0 && now - this._speakingSince > SPEAKING_MS;
    if (this._muted && speaks) this._say('call.speaking_muted', now);
  }

  /** @param {string} text @param {number} now */
  _say(text, now) {
    this._saidAt = now;
    toast(t(text), { kind: 'warning', about: 'call' });
  }
}

/** @param {MediaStreamTrack | null} track @param {boolean} muted @param {number} deadMs @returns {Trouble} */
function troubleOf(track, muted, deadMs) {
  if (muted || !track) return null;
  if (track.muted) return 'system_muted';
  return deadMs > DEAD_MS ? 'nothing' : null;
}

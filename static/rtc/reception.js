// @ts-check
/**
 * How well this browser receives, from two looks at `getStats`: what stood still, what was made up, how fast pictures come.
 */

export const REPORT_EVERY_MS = 10_000;

/** @typedef {{ freeze_ms: number, concealed_ms: number, frames_per_second?: number, picture_height?: number, round_trip_ms?: number }} ReceptionReport */
/** @typedef {{ freeze_s: number, concealed_s: number, frames: number, at: number }} Totals */

const LIMIT_MS = 60_000;

/** Turns looks into reports, one about every ten seconds. */
export class Reception {
  constructor() {
    /** @type {Totals | null} */
    this._last = null;
  }

  /**
   * @param {Iterable<any>} entries  of an RTCStatsReport
   * @param {number} now  milliseconds
   * @returns {ReceptionReport | null} null when it is not time yet
   */
  look(entries, now) {
    const all = [...entries];
    const inbound = all.filter(({ type }) => type === 'inbound-rtp');
    const pictures = inbound.filter(({ kind }) => kind === 'video');
    const totals = {
      freeze_s: sum(pictures, ({ totalFreezesDuration = 0 }) => totalFreezesDuration),
      concealed_s: sum(inbound, (entry) => concealedSeconds(entry)),
      frames: sum(pictures, ({ framesDecoded = 0 }) => framesDecoded),
      at: now,
    };
    const last = this._last;
    if (last && now - last.at < REPORT_EVERY_MS) return null;
    this._last = totals;
    if (!last) return null;
    const height = Math.max(0, ...pictures.map(({ frameHeight = 0 }) => frameHeight));
    const frames = totals.frames - last.frames;
    const roundTrip = all.find(({ type, nominated }) => type === 'candidate-pair' && nominated)?.currentRoundTripTime;
    return {
      freeze_ms: milliseconds(totals.freeze_s - last.freeze_s),
      concealed_ms: milliseconds(totals.concealed_s - last.concealed_s),
      ...(frames > 0 ? { frames_per_second: Math.min(Math.round((10_000 * frames) / (now - last.at)) / 10, 240) } : {}),
      ...(height > 0 && frames > 0 ? { picture_height: height } : {}),
      ...(roundTrip === undefined ? {} : { round_trip_ms: milliseconds(roundTrip) }),
    };
  }
}

/** Sound made up while somebody was to be heard; filling a pause of a muted microphone is none. @param {any} entry */
function concealedSeconds({ kind, concealedSamples = 0, silentConcealedSamples = 0 }) {
  return kind === 'audio' ? Math.max(0, concealedSamples - silentConcealedSamples) / 48_000 : 0;
}

/** @template T @param {readonly T[]} items @param {(item: T) => number} value */
function sum(items, value) {
  return items.reduce((total, item) => total + value(item), 0);
}

/** @param {number} seconds */
function milliseconds(seconds) {
  return Math.min(Math.max(0, Math.round(seconds * 1000)), LIMIT_MS);
}

// @ts-check
/**
 * The ladder that a weak connection goes down, rung by rung, and what is to be said of it to whom.
 */

/** @typedef {'high_video' | 'low_video' | 'still_picture' | 'audio_only' | 'live_text' | 'message'} Rung */
/** @typedef {import('./room.js').Participant} Participant */
/** Whom it is about, which rung, and which words: `call.rung_<words>`. @typedef {{ person: Participant, rung: Rung, words: string }} Said */

/** Best first. @type {readonly Rung[]} */
export const RUNGS = Object.freeze(['high_video', 'low_video', 'still_picture', 'audio_only', 'live_text', 'message']);

/** @param {Rung} one @param {Rung} other @returns {Rung} the worse of two */
export function worse(one, other) {
  return RUNGS.indexOf(one) > RUNGS.indexOf(other) ? one : other;
}

/** Whether a rung carries no moving picture, though it carries the voice. @param {Rung} rung */
export function isPictureless(rung) {
  return rung === 'still_picture' || rung === 'audio_only';
}

/** Whether of the first person's camera the second one sees stills. @param {Participant} publisher @param {Participant} viewer */
export function showsStills(publisher, viewer) {
  return viewer.connected && worse(publisher.sends, viewer.receives) === 'still_picture';
}

/** Where somebody stands: the worse of both ways. @param {Participant} person @returns {Rung} */
export function rungOf(person) {
  return worse(person.receives, person.sends);
}

/**
 * The one thing to say: of my own connection if it is weak, else of the other person's who is worst off.
 * @param {Participant | null} me @param {readonly Participant[]} others
 * @returns {Said | null}
 */
export function said(me, others) {
  if (me && rungOf(me) !== 'high_video') {
    const rung = rungOf(me);
    const sendsOnly = isPictureless(me.sends) && !isPictureless(me.receives) && rung !== 'live_text';
    return { person: me, rung, words: sendsOnly ? 'mine_sends' : `mine_${rung}` };
  }
  const worst = others.reduce(
    (/** @type {Participant | null} */ found, person) =>
      found && worse(rungOf(person), rungOf(found)) === rungOf(found) ? found : person,
    null,
  );
  if (!worst || RUNGS.indexOf(rungOf(worst)) < RUNGS.indexOf('still_picture')) return null;
  const rung = rungOf(worst);
  const sendsOnly = isPictureless(worst.sends) && !isPictureless(worst.receives) && rung !== 'live_text';
  return { person: worst, rung, words: sendsOnly ? 'their_sends' : `their_${rung}` };
}

// @ts-check
/**
 * How the connections of an archived visit were: the minutes of each person, and what to say of them in one sentence.
 */

/**
 * @typedef {{
 *   participant: string, started_at: string, score: number, round_trip_ms: number | null, loss_percent: number, jitter_ms: number,
 *   bitrate_up_kbps: number, bitrate_down_kbps: number, talk_ms: number, freeze_ms: number, concealed_ms: number,
 *   frames_per_second: number | null, picture_height: number | null,
 * }} QualityMinute
 * @typedef {{ participant: string, name: string, minutes: QualityMinute[], verdict: 'good' | 'fair' | 'weak', disturbed: number }} PersonsQuality
 */

/** The word for a score of 1 to 5, the same as in the call. @param {number} score @returns {'good' | 'fair' | 'weak'} */
export function lineOfScore(score) {
  if (score >= 4) return 'good';
  return score === 3 ? 'fair' : 'weak';
}

/**
 * Everybody who has minutes, in the order in which they arrived. The verdict is the median minute's; `disturbed` counts the
 * minutes that were not good.
 * @param {readonly { participant: string, name: string }[]} participants
 * @param {readonly QualityMinute[]} minutes  by time
 * @returns {PersonsQuality[]}
 */
export function qualityOf(participants, minutes) {
  return participants.flatMap(({ participant, name }) => {
    const own = minutes.filter((minute) => minute.participant === participant);
    if (own.length === 0) return [];
    const scores = own.map(({ score }) => score).sort((a, b) => a - b);
    return [
      {
        participant,
        name,
        minutes: own,
        verdict: lineOfScore(scores[Math.floor((scores.length - 1) / 2)]),
        disturbed: scores.filter((score) => lineOfScore(score) !== 'good').length,
      },
    ];
  });
}

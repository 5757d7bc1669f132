// @ts-check
/** What several views of the call share: streams of single tracks, initials, words for a connection. */
import { html } from 'lit';
import { formatNumber, t } from '../../i18n/i18n.js';

/** @type {WeakMap<MediaStreamTrack, MediaStream>} */
const streams = new WeakMap();

/**
 * The one stream around a track, the same object each time. Bind it with `live`: Lit assigns an object again at every
 * render, and an element that is given its own stream again restarts.
 * @param {MediaStreamTrack | null | undefined} track
 * @returns {MediaStream | null}
 */
export function streamOf(track) {
  if (!track) return null;
  let stream = streams.get(track);
  if (!stream) streams.set(track, (stream = new MediaStream([track])));
  return stream;
}

/** What stands in place of a picture: 王 of 王芳, AB of Anna Berg. @param {string} name */
export function initialsOf(name) {
  const words = name
    .trim()
    .split(/\s+/)
    .filter((word) => !/^(dr|mr|mrs|ms|prof)\.?$/i.test(word));
  if (/^\p{Script=Han}/u.test(name.trim())) return name.trim().slice(0, 1);
  return words
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('');
}

/** @typedef {'good' | 'fair' | 'weak' | 'unknown'} Line */

/** @param {{ score: number } | undefined} quality @returns {Line} */
export function lineOf(quality) {
  if (!quality) return 'unknown';
  if (quality.score >= 4) return 'good';
  return quality.score === 3 ? 'fair' : 'weak';
}

/** @param {Line} line */
export function lineText(line) {
  return t(`call.line_${line}`);
}

/** The figures of a connection. @param {import('../../state/call-controller.js').Quality} quality */
export function lineFacts({
  round_trip_ms: milliseconds,
  loss_percent: loss,
  bitrate_up_kbps: up,
  bitrate_down_kbps: down,
}) {
  return html`
    <dl class="facts">
      <dt>${t('call.round_trip')}</dt>
      <dd>${milliseconds === null ? '–' : t('call.milliseconds', { value: formatNumber(milliseconds) })}</dd>
      <dt>${t('call.loss')}</dt>
      <dd>${t('call.percent', { value: formatNumber(loss, { maximumFractionDigits: 1 }) })}</dd>
      <dt>${t('call.sending')}</dt>
      <dd>${t('call.kilobits', { value: formatNumber(up) })}</dd>
      <dt>${t('call.receiving')}</dt>
      <dd>${t('call.kilobits', { value: formatNumber(down) })}</dd>
    </dl>
  `;
}

/** "Patient", "Doctor", "Guest". @param {string} role */
export function roleText(role) {
  return t(`core.role_${role}`);
}

/**
 * Move the focus to what is about to be drawn, however deep: every element has drawn itself before the next picture.
 * @param {HTMLElement} root @param {string} selector
 */
export function focusWhenDrawn(root, selector) {
  requestAnimationFrame(() => {
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (root.querySelector(selector))?.focus());
  });
}

/** Whether somebody is in the middle of writing, or of a dialog: the focus is then not taken from them. */
export function isBusyWriting() {
  const focused = document.activeElement;
  return (
    document.querySelector('dialog[open]') !== null ||
    (focused instanceof HTMLElement &&
      (focused.isContentEditable || (/^(INPUT|TEXTAREA)$/.test(focused.tagName) && /** @type {any} */ (focused).value)))
  );
}

/** Whether keys belong to a text that is being written. @param {Event} event */
export function isTyping(event) {
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

// @ts-check
import { html, svg } from 'lit';
import { formatDuration, t } from '../i18n/i18n.js';
import { CElement } from './element.js';
import './icon.js';

/** @typedef {import('../state/playback.js').Lane} Lane */
/** @typedef {{ offset: number, kind: 'message' | 'consent' | 'event', text: string }} Mark */

const WIDTH = 1000; // of the drawing's own units
const LANE_HEIGHT = 14;
const LANE_GAP = 6;
const STEP_MS = 5000;
const LEAP_MS = 60_000;

/**
 * <c-timeline-strip .lanes .marks .duration .position>: who was recorded when, what was written and what happened, on one
 * time. A slider: pressing or the keys move the playback. Tells `seek` with milliseconds.
 */
export class CTimelineStrip extends CElement {
  static properties = {
    lanes: { attribute: false },
    marks: { attribute: false },
    duration: { type: Number },
    position: { type: Number },
  };

  constructor() {
    super();
    /** @type {Lane[]} */
    this.lanes = [];
    /** @type {Mark[]} */
    this.marks = [];
    this.duration = 0;
    this.position = 0;
  }

  render() {
    const duration = Math.max(1, this.duration);
    const lanesHeight = this.lanes.length * (LANE_HEIGHT + LANE_GAP);
    const height = lanesHeight + 28;
    const x = (/** @type {number} */ ms) =>
      Math.round((Math.min(Math.max(ms, 0), duration) / duration) * WIDTH * 10) / 10;
    return html`
      <div class="strip">
        <div class="strip-names" aria-hidden="true">
          ${this.lanes.map(
            (lane) =>
              html`<span
                class="strip-name"
                title=${t('record_page.lane_of', { name: lane.name, source: t(`record_page.lane.${lane.source}`) })}
              >
                <c-icon name=${lane.source}></c-icon><span class="clip">${lane.name}</span></span
              >`,
          )}
          <span class="strip-name marks"
            ><c-icon name="chat"></c-icon><span class="clip">${t('record_page.marks')}</span></span
          >
        </div>
        <div
          class="strip-track"
          role="slider"
          tabindex="0"
          aria-label=${t('record_page.timeline')}
          aria-describedby="strip-hint"
          aria-valuemin="0"
          aria-valuemax=${Math.round(duration / 1000)}
          aria-valuenow=${Math.round(this.position / 1000)}
          data-testid="timeline"
          aria-valuetext=${t('record_page.position', { now: formatDuration(this.position), total: formatDuration(this.duration) })}
          @pointerdown=${this._press}
          @pointermove=${this._drag}
          @keydown=${this._key}
        >
          <svg viewBox="0 0 ${WIDTH} ${height}" preserveAspectRatio="none" height=${height} aria-hidden="true">
            ${this.lanes.map((lane, index) => {
              const y = index * (LANE_HEIGHT + LANE_GAP);
              return svg`
                <rect class="strip-lane" x="0" y=${y} width=${WIDTH} height=${LANE_HEIGHT}></rect>
                ${lane.bars.map((bar) => svg`<rect class="strip-bar" data-source=${lane.source} x=${x(bar.from)} y=${y} width=${Math.max(2, x(bar.to) - x(bar.from))} height=${LANE_HEIGHT}></rect>`)}
                ${lane.speech.map((bar) => svg`<rect class="strip-speech" x=${x(bar.from)} y=${y + 3} width=${Math.max(2, x(bar.to) - x(bar.from))} height=${LANE_HEIGHT - 6}><title>${t('record_page.spoke', { name: lane.name, from: formatDuration(bar.from), to: formatDuration(bar.to) })}</title></rect>`)}
                ${lane.gaps.map((gap) => svg`<rect class="strip-gap" x=${x(gap.from)} y=${y} width=${Math.max(3, x(gap.to) - x(gap.from))} height=${LANE_HEIGHT}></rect>`)}
              `;
            })}
            <rect class="strip-lane" x="0" y=${lanesHeight} width=${WIDTH} height="20"></rect>
            ${this.marks.map(
              (
                mark,
              ) => svg`<rect class="strip-mark" data-kind=${mark.kind} x=${Math.max(0, x(mark.offset) - 2)} y=${lanesHeight + (mark.kind === 'message' ? 4 : 0)} width="5"
              height=${mark.kind === 'message' ? 12 : 20}><title>${formatDuration(mark.offset)} ${mark.text}</title></rect>`,
            )}
            <rect
              class="strip-now"
              x=${Math.max(0, x(this.position) - 1.5)}
              y="0"
              width="3"
              height=${height - 6}
            ></rect>
          </svg>
        </div>
      </div>
      <p class="visually-hidden" id="strip-hint">${t('record_page.timeline_hint')}</p>
      <ul class="strip-legend small quiet">
        ${['track', 'speech', 'gap', 'message', 'consent', 'event'].map((kind) => html`<li><span class="legend-mark" data-kind=${kind}></span>${t(`record_page.legend.${kind}`)}</li>`)}
      </ul>
    `;
  }

  /** @param {PointerEvent} event */
  _press(event) {
    if (event.button !== 0) return;
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    this._seekTo(event);
  }

  /** @param {PointerEvent} event */
  _drag(event) {
    if (event.buttons & 1) this._seekTo(event);
  }

  /** @param {PointerEvent} event */
  _seekTo(event) {
    const { left, width } = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    this._seek(((event.clientX - left) / width) * this.duration);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const { duration, position } = this;
    /** @type {Record<string, number>} */
    const places = {
      ArrowRight: position + STEP_MS,
      ArrowUp: position + STEP_MS,
      ArrowLeft: position - STEP_MS,
      ArrowDown: position - STEP_MS,
      PageUp: position + LEAP_MS,
      PageDown: position - LEAP_MS,
      Home: 0,
      End: duration,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    this._seek(places[event.key]);
  }

  /** @param {number} ms */
  _seek(ms) {
    this.emit('seek', Math.min(Math.max(0, ms), this.duration));
  }
}

customElements.define('c-timeline-strip', CTimelineStrip);

// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatNumber, t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../dialog.js';
import { toast } from '../toast.js';
import { consentWords } from './consent-card.js';
import './device-choice.js';
import './level-meter.js';
import { lineOf, lineText } from './parts.js';

/** <c-call-settings .call ?open @close>: devices, sound only, one's consent, and the connection in numbers. */
export class CCallSettings extends CElement {
  static properties = { call: { attribute: false }, open: { type: Boolean }, _busy: { state: true } };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
    this.open = false;
    this._busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call)
      this.keep(
        this.call.subscribe(() => {
          if (this.open) this.requestUpdate();
        }),
      );
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    return html`
      <c-dialog
        .open=${this.open}
        .heading=${t('call.settings')}
        .content=${this.open ? this._content(call) : nothing}
      ></c-dialog>
    `;
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _content(call) {
    return html`
      <div class="stack loose" data-testid="settings-dialog">
        <c-device-choice .local=${call.local}></c-device-choice>
        <c-level-meter .track=${call.local.tracks.microphone} .muted=${call.local.muted.microphone}></c-level-meter>
        <label class="choice">
          <input
            type="checkbox"
            data-testid="sound-only"
            .checked=${call.soundOnly}
            @change=${(/** @type {Event} */ event) => this._soundOnly(event)}
          />
          <span
            ><span class="strong">${t('call.sound_only')}</span><br /><span class="small quiet"
              >${t('call.sound_only_hint')}</span
            ></span
          >
        </label>
        <section class="stack tight" aria-label=${t('call.consent_heading')}>
          <h3>${t('call.consent_heading')}</h3>
          ${this._consent(call)}
        </section>
        <section class="stack tight" aria-label=${t('call.connection')}>
          <h3>${t('call.connection')}</h3>
          ${this._connection(call)}
        </section>
      </div>
    `;
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _consent(call) {
    const given = call.me?.consent?.decision === 'given';
    return html`
      <details class="consent-details">
        <summary>${t('call.consent_words')}</summary>
        ${consentWords()}
      </details>
      <p data-testid="consent-now" data-decision=${call.me?.consent?.decision ?? 'none'}>
        ${t(`call.consent_now_${call.me?.consent?.decision ?? 'none'}`)}
      </p>
      <div class="cluster">
        ${
          given
            ? html`<button
                class="button"
                type="button"
                data-testid="consent-withdraw"
                ?disabled=${this._busy}
                @click=${() => this._answer('withdrawn')}
              >
                ${t('call.consent_withdraw')}
              </button>`
            : html`<button
                class="button"
                type="button"
                data-testid="consent-give"
                ?disabled=${this._busy}
                @click=${() => this._answer('given')}
              >
                ${t('call.consent_given')}
              </button>`
        }
      </div>
    `;
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _connection(call) {
    const quality = call.quality[call.you?.participant ?? ''];
    const { roundTripMs, upKbps, downKbps } = call.media.stats;
    const milliseconds = quality?.round_trip_ms ?? roundTripMs;
    return html`
      <dl class="facts">
        <dt>${t('call.line')}</dt>
        <dd>${lineText(lineOf(quality))}</dd>
        <dt>${t('call.round_trip')}</dt>
        <dd>
          ${milliseconds === null || milliseconds === undefined ? '–' : t('call.milliseconds', { value: formatNumber(milliseconds) })}
        </dd>
        <dt>${t('call.loss')}</dt>
        <dd>
          ${quality ? t('call.percent', { value: formatNumber(quality.loss_percent, { maximumFractionDigits: 1 }) }) : '–'}
        </dd>
        <dt>${t('call.sending')}</dt>
        <dd>${t('call.kilobits', { value: formatNumber(upKbps) })}</dd>
        <dt>${t('call.receiving')}</dt>
        <dd>${t('call.kilobits', { value: formatNumber(downKbps) })}</dd>
      </dl>
    `;
  }

  /** @param {Event} event */
  async _soundOnly(event) {
    const on = /** @type {HTMLInputElement} */ (event.target).checked;
    await this.call?.setSoundOnly(on).catch((error) => toast(errorText(error), { kind: 'danger' }));
  }

  /** @param {'given' | 'refused' | 'withdrawn'} decision */
  async _answer(decision) {
    this._busy = true;
    try {
      await this.call?.setConsent(decision);
      toast(t(`call.consent_told_${decision}`), { kind: 'good' });
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-call-settings', CCallSettings);

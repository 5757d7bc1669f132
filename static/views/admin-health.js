// @ts-check
import { html } from 'lit';
import { formatBytes, formatDateTime, formatNumber, formatTime, hasText, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';

const REFRESH_MS = 10_000;
const MINUTE_S = 60;

/** The node's own facts, asked again every ten seconds. */
export class CAdminHealth extends CElement {
  constructor() {
    super();
    this._asked = Date.now();
    /** @type {Resource<Record<string, unknown>>} */
    this._facts = new Resource(this, async () => {
      const facts = await api.get('/health');
      this._asked = Date.now();
      return facts;
    });
  }

  connectedCallback() {
    super.connectedCallback();
    const tick = setInterval(() => {
      if (!document.hidden) this._facts.load();
    }, REFRESH_MS);
    this.keep(() => clearInterval(tick));
  }

  render() {
    return html`
      <div class="stack">
        <div class="row between wrap">
          <p class="quiet" role="status">${t('health.updated', { time: formatTime(this._asked) })}</p>
          <button class="button" type="button" data-testid="health-refresh" @click=${() => this._facts.load()}>
            <c-icon name="refresh"></c-icon>${t('health.refresh')}
          </button>
        </div>
        ${this._facts.render(
          (facts) => html`
            <dl class="health-grid" data-testid="health">
              ${flat(facts).map(
                ([name, value]) =>
                  html` <div class="card tight health-fact" data-fact=${name}>
                    <dt class="small quiet">${label(name)}</dt>
                    <dd>${shown(name, value)}</dd>
                  </div>`,
              )}
            </dl>
          `,
          { lines: 8 },
        )}
      </div>
    `;
  }
}

/** Nested facts as one list; an inner name stands for itself, and what does not apply is left out. @param {Record<string, unknown>} facts @returns {[string, unknown][]} */
function flat(facts) {
  return Object.entries(facts)
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) =>
      typeof value === 'object' && !Array.isArray(value)
        ? flat(/** @type {Record<string, unknown>} */ (value))
        : [[name, value]],
    );
}

/** @param {string} name */
function label(name) {
  const key = `health.fact.${name}`;
  return hasText(key) ? t(key) : name.replaceAll('_', ' ');
}

/** @param {string} name @param {unknown} value */
function shown(name, value) {
  if (typeof value === 'boolean') {
    if (name === 'turn') return t(value ? 'health.configured' : 'health.not_configured');
    return grade(value, t(name === 'enough_space' ? 'health.almost_full' : 'health.bad'));
  }
  if (name === 'delivery_failure') return grade(value === '', value === '' ? '' : t(`health.delivery.${value}`));
  if (name.endsWith('_port')) return html`<span class="figures large">${value}</span>`;
  if (typeof value === 'number') {
    if (name.endsWith('_bytes')) return formatBytes(value);
    if (name === 'uptime_s') return span(value);
    return html`<span class="figures large">${formatNumber(value)}</span>`;
  }
  if (name.endsWith('_at') && typeof value === 'string') return formatDateTime(value);
  return Array.isArray(value) ? value.join(', ') || '–' : String(value ?? '–');
}

/** @param {boolean} isGood @param {string} trouble */
function grade(isGood, trouble) {
  return html`<c-badge
    kind=${isGood ? 'good' : 'danger'}
    icon=${isGood ? 'check' : 'alert'}
    text=${isGood ? t('health.ok') : trouble}
  ></c-badge>`;
}

/** @param {number} seconds */
function span(seconds) {
  const minutes = Math.floor(seconds / MINUTE_S);
  if (minutes < 60) return t('health.minutes', { minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? t('health.hours', { hours, minutes: minutes % 60 })
    : t('health.days', { days: Math.floor(hours / 24), hours: hours % 24 });
}

customElements.define('c-admin-health', CAdminHealth);

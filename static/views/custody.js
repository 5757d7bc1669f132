// @ts-check
import { html, nothing } from 'lit';
import { toBase64 } from '../crypto/bytes.js';
import { errorText, formatDate, formatDateTime, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { Page } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './empty.js';
import './icon.js';
import './key-maker.js';
import { announce, toast } from './toast.js';

/**
 * @typedef {{ id: string, owner: string, state: 'proposed' | 'in_force' | 'retire_asked' | 'retired', proposed_at: string,
 *   confirmed_by: string | null, confirmed_at: string | null, retire_asked_by: string | null, retired_at: string | null,
 *   yours: boolean, asked_by_you: boolean }} CustodianKeyRow
 * @typedef {{ keys: CustodianKeyRow[], quorum: number, receiving: number }} CustodianKeys
 * @typedef {{ id: string, reason: string, asked_by: string, asked_at: string,
 *   consultation: import('../state/clinic.js').ConsultationSummary }} WaitingRelease
 */

const KINDS = { proposed: 'warning', in_force: 'good', retire_asked: 'warning', retired: 'plain' };

/** Custodians' keys, and the requests for recordings that wait for one's part. */
export class CCustody extends Page {
  static properties = { ...Page.properties, _busy: { state: true }, _making: { state: true } };

  constructor() {
    super();
    this._busy = false;
    this._making = false;
    /** @type {Resource<CustodianKeys>} */
    this._keys = new Resource(this, () => api.get('/custodian-keys'));
    /** @type {Resource<{ waiting: WaitingRelease[] }>} */
    this._waiting = new Resource(this, () => api.get('/releases/waiting'));
  }

  get heading() {
    return t('custody.title');
  }

  render() {
    return html`
      <div class="page">
        <a class="back-link" href="/archive"><c-icon name="arrow-left"></c-icon>${t('record_page.back')}</a>
        <h1 tabindex="-1">${t('custody.title')}</h1>
        <section class="stack tight" aria-labelledby="waiting-title">
          <h2 id="waiting-title">${t('custody.waiting')}</h2>
          ${this._waiting.render((shown) => this._requests(shown.waiting), { lines: 2 })}
        </section>
        <section class="stack tight" aria-labelledby="keys-title">
          <h2 id="keys-title">${t('custody.keys')}</h2>
          ${this._keys.render((shown) => this._list(shown), { lines: 4 })}
        </section>
      </div>
    `;
  }

  /** @param {WaitingRelease[]} waiting */
  _requests(waiting) {
    if (waiting.length === 0)
      return html`<p class="quiet" data-testid="nothing-waits">${t('custody.nothing_waits')}</p>`;
    return html`<ul class="card tight list">
      ${waiting.map(
        (release) =>
          html`<li>
            <a class="patient-row" href=${`/archive/${release.consultation.id}`} data-testid="waiting">
              <span class="grow"
                ><span class="strong block">${release.consultation.patient.name}</span
                ><span class="small block">${t('release.asked_by', { name: release.asked_by })}: ${release.reason}</span
                ><span class="quiet small block">${formatDateTime(release.asked_at)}</span></span
              ><c-icon name="chevron-right"></c-icon>
            </a>
          </li>`,
      )}
    </ul>`;
  }

  /** @param {CustodianKeys} shown */
  _list({ keys, quorum, receiving }) {
    return html`
      <div
        class=${receiving ? 'notice' : 'notice warning'}
        role="status"
        data-testid="receiving"
        data-count=${receiving}
      >
        <c-icon name=${receiving ? 'lock' : 'info'}></c-icon>
        <p>${t(receiving ? 'custody.protected' : 'custody.unprotected', { quorum, count: receiving })}</p>
      </div>
      ${
        keys.length === 0
          ? html`<c-empty icon="lock" .heading=${t('custody.none')} .text=${t('custody.none_text')}></c-empty>`
          : html`<ul class="card tight list">
              ${keys.map((key) => this._row(key))}
            </ul>`
      }
      ${
        this._making
          ? html`<c-key-maker
              .busy=${this._busy}
              @made=${(/** @type {CustomEvent<Uint8Array>} */ event) => this._propose(event.detail)}
              @cancel=${() => {
                this._making = false;
              }}
            ></c-key-maker>`
          : html`<div>
              <button
                class="button primary"
                type="button"
                data-testid="make-key"
                @click=${() => {
                  this._making = true;
                }}
              >
                <c-icon name="plus"></c-icon>${t('custody.make')}
              </button>
            </div>`
      }
    `;
  }

  /** @param {CustodianKeyRow} key */
  _row(key) {
    return html`
      <li class="stack tight custodian-key" data-testid="custodian-key" data-state=${key.state} data-yours=${key.yours}>
        <div class="row wrap">
          <span class="strong grow">${key.owner}${key.yours ? ` (${t('custody.you')})` : ''}</span>
          <c-badge kind=${KINDS[key.state]} text=${t(`custody.state.${key.state}`)}></c-badge>
        </div>
        <code class="small fingerprint">${grouped(key.id)}</code>
        <p class="small quiet">
          ${t('custody.proposed', { date: formatDate(key.proposed_at) })}
          ${key.confirmed_by ? t('custody.confirmed_by', { name: key.confirmed_by }) : nothing}
        </p>
        ${this._steps(key)}
      </li>
    `;
  }

  /** @param {CustodianKeyRow} key */
  _steps(key) {
    if (key.state === 'proposed') {
      return html`
        <p class="small">${t(key.yours ? 'custody.confirm_other' : 'custody.confirm_text', { name: key.owner })}</p>
        <div class="row wrap">
          ${key.yours ? nothing : this._button(key, 'confirm', 'button primary')} ${this._button(key, 'withdraw')}
        </div>
      `;
    }
    if (key.state === 'in_force') return html`<div>${this._button(key, 'ask_retire')}</div>`;
    if (key.state === 'retire_asked') {
      return html`
        <p class="small">${t('custody.retire_text', { name: key.retire_asked_by ?? '' })}</p>
        <div class="row wrap">
          ${key.asked_by_you ? nothing : this._button(key, 'retire', 'button danger')} ${this._button(key, 'withdraw')}
        </div>
      `;
    }
    return nothing;
  }

  /** @param {CustodianKeyRow} key @param {string} step @param {string} [kind] */
  _button(key, step, kind = 'button') {
    return html`<button
      class=${kind}
      type="button"
      aria-busy=${this._busy}
      ?disabled=${this._busy}
      data-testid=${`key-${step}`}
      @click=${() => this._take(key, step)}
    >
      ${t(`custody.do.${step}`)}
    </button>`;
  }

  /** @param {CustodianKeyRow} key @param {string} step */
  async _take(key, step) {
    await this._change(`/custodian-keys/${key.id}`, { step }, `custody.done.${step}`);
  }

  /** @param {Uint8Array} publicKey */
  async _propose(publicKey) {
    if (await this._change('/custodian-keys', { public_key: toBase64(publicKey) }, 'custody.done.propose'))
      this._making = false;
  }

  /** @param {string} path @param {object} body @param {string} done */
  async _change(path, body, done) {
    this._busy = true;
    try {
      this._keys.set(await api.post(path, body));
      announce(t(done));
      return true;
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
      this._keys.load();
      return false;
    } finally {
      this._busy = false;
    }
  }
}

/** A fingerprint as people compare it. @param {string} fingerprint */
const grouped = (fingerprint) => fingerprint.match(/.{1,4}/g)?.join(' ') ?? fingerprint;

customElements.define('c-custody', CCustody);

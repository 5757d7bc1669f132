// @ts-check
import { html } from 'lit';
import { formatDate, hasText, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';

/** @typedef {{ seq: number, at: string, actor: string, actor_name?: string, role: string, action: string, object_type: string, object_id: string, outcome: string, detail: string }} AuditEntry */

/** The access log, newest first, page by page. */
export class CAdminAudit extends CElement {
  constructor() {
    super();
    /** Where each page after the first begins. @type {(string | number)[]} */
    this._cursors = [];
    /** @type {Resource<{ entries: AuditEntry[], next: string | number | null, names: Map<string, string> }>} */
    this._page = new Resource(this, async () => {
      const [{ entries, next = null }, { people }] = await Promise.all([
        api.get('/audit', { query: { cursor: this._cursors[this._cursors.length - 1], limit: 50 } }),
        api.get('/people'),
      ]);
      return {
        entries,
        next,
        names: new Map(people.map((/** @type {{ id: string, name: string }} */ person) => [person.id, person.name])),
      };
    });
  }

  render() {
    return html`
      <div class="stack">
        <p class="quiet">${t('audit.lead')}</p>
        ${this._page.render(
          ({ entries, next, names }) => html`
            ${entries.length === 0 ? html`<c-empty icon="shield" .heading=${t('audit.none')} .text=${t('audit.none_text')}></c-empty>` : this._table(entries, names)}
            <nav class="row between wrap" aria-label=${t('admin.audit')}>
              <button
                class="button"
                type="button"
                ?disabled=${this._cursors.length === 0}
                data-testid="audit-newest"
                @click=${() => this._go([])}
              >
                ${t('audit.newer')}
              </button>
              <span class="small quiet" role="status">${t('audit.page', { page: this._cursors.length + 1 })}</span>
              <button
                class="button"
                type="button"
                ?disabled=${next === null}
                data-testid="audit-older"
                @click=${() => this._go([...this._cursors, next ?? 0])}
              >
                ${t('audit.older')}<c-icon name="chevron-right"></c-icon>
              </button>
            </nav>
          `,
          { lines: 12 },
        )}
      </div>
    `;
  }

  /** @param {AuditEntry[]} entries @param {Map<string, string>} names */
  _table(entries, names) {
    return html`
      <div class="table-wrap" aria-busy=${this._page.isLoading}>
        <table class="table cards-on-phone audit-table" data-testid="audit-table">
          <thead>
            <tr>
              ${['at', 'actor', 'action', 'object', 'outcome', 'detail'].map((column) => html`<th scope="col">${t(`audit.column.${column}`)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${entries.map(
              (entry) =>
                html`<tr data-testid="audit-row">
                  <td data-column="at" data-label=${t('audit.column.at')}>
                    <time class="nowrap" datetime=${entry.at}>${exact(entry.at)}</time>
                  </td>
                  <td data-column="actor" data-label=${t('audit.column.actor')}>
                    <span class="block"
                      >${entry.actor_name ?? names.get(entry.actor) ?? (entry.actor ? html`<code class="id">${entry.actor}</code>` : t('audit.system'))}</span
                    >
                    <span class="small quiet"
                      >${hasText(`core.role_${entry.role}`) ? t(`core.role_${entry.role}`) : entry.role}</span
                    >
                  </td>
                  <td data-column="action" data-label=${t('audit.column.action')}>${actionText(entry.action)}</td>
                  <td data-column="object" data-label=${t('audit.column.object')}>
                    <span class="small quiet block"
                      >${hasText(`audit.object.${entry.object_type}`) ? t(`audit.object.${entry.object_type}`) : entry.object_type}</span
                    ><code class="id">${entry.object_id}</code>
                  </td>
                  <td data-column="outcome" data-label=${t('audit.column.outcome')}>
                    <c-badge
                      kind=${isGood(entry.outcome) ? 'good' : 'warning'}
                      text=${hasText(`audit.outcome.${entry.outcome}`) ? t(`audit.outcome.${entry.outcome}`) : entry.outcome}
                    ></c-badge>
                  </td>
                  <td data-column="detail" data-label=${t('audit.column.detail')}>${entry.detail || '–'}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    `;
  }

  /** @param {(string | number)[]} cursors */
  _go(cursors) {
    this._cursors = cursors;
    this._page.load();
  }
}

/** @param {string} action */
function actionText(action) {
  const key = `audit.action.${action}`;
  return hasText(key) ? t(key) : action;
}

/** @param {string} outcome */
function isGood(outcome) {
  return outcome === 'allowed';
}

/** To the second: a court may ask. @param {string} at */
function exact(at) {
  const instant = new Date(at);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${formatDate(instant)} ${two(instant.getHours())}:${two(instant.getMinutes())}:${two(instant.getSeconds())}`;
}

customElements.define('c-admin-audit', CAdminAudit);

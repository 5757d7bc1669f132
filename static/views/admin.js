// @ts-check
import { html, nothing } from 'lit';
import { t } from '../i18n/i18n.js';
import { Page } from './element.js';
import './icon.js';

const SECTIONS = ['people', 'departments', 'consultations', 'health', 'audit'];
const ICONS = /** @type {Record<string, string>} */ ({
  people: 'people',
  departments: 'home',
  consultations: 'calendar',
  health: 'heart',
  audit: 'shield',
});
/** @type {Record<string, () => Promise<unknown>>} */
const LOADERS = {
  people: () => import('./admin-people.js'),
  departments: () => import('./admin-departments.js'),
  consultations: () => import('./admin-consultations.js'),
  health: () => import('./admin-health.js'),
  audit: () => import('./admin-audit.js'),
};

/** The administrator's pages, one at a time. */
export class CAdmin extends Page {
  static properties = { ...Page.properties, _loaded: { state: true } };

  constructor() {
    super();
    this._loaded = '';
  }

  get heading() {
    return `${t(`admin.${this._section}`)} · ${t('admin.title')}`;
  }

  get _section() {
    const wanted = this.params.section ?? '';
    return SECTIONS.includes(wanted) ? wanted : SECTIONS[0];
  }

  connectedCallback() {
    super.connectedCallback();
    LOADERS[this._section]().then(() => {
      this._loaded = this._section;
    });
  }

  /** @param {import('lit').PropertyValues} changed */
  updated(changed) {
    super.updated(changed);
    if (changed.has('_loaded'))
      this.querySelector('.tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }

  render() {
    return html`
      <div class="page admin">
        <h1 tabindex="-1">${t('admin.title')}</h1>
        <nav class="tabs" aria-label=${t('admin.title')}>
          ${SECTIONS.map(
            (section) => html`
              <a
                href=${`/admin/${section}`}
                aria-current=${section === this._section ? 'page' : nothing}
                data-testid=${`admin-${section}`}
              >
                <c-icon name=${ICONS[section]}></c-icon>${t(`admin.${section}`)}</a
              >
            `,
          )}
        </nav>
        ${this._loaded ? this._content() : html`<c-skeleton lines="8"></c-skeleton>`}
      </div>
    `;
  }

  _content() {
    switch (this._section) {
      case 'departments':
        return html`<c-admin-departments></c-admin-departments>`;
      case 'consultations':
        return html`<c-admin-consultations></c-admin-consultations>`;
      case 'health':
        return html`<c-admin-health></c-admin-health>`;
      case 'audit':
        return html`<c-admin-audit></c-admin-audit>`;
      default:
        return html`<c-admin-people></c-admin-people>`;
    }
  }
}

customElements.define('c-admin', CAdmin);

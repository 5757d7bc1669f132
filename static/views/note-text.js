// @ts-check
import { html, nothing } from 'lit';
import { formatDateTime, t } from '../i18n/i18n.js';
import { SECTIONS } from '../state/note.js';
import { CElement } from './element.js';

/** Which words head the sections when a patient reads. */
const FOR_PATIENTS = { subjective: '', objective: '', assessment: 'home.assessment', plan: 'home.plan' };

/**
 * A visit note to be read: its sections, who signed it, what was added.
 * `plain` shows what a patient needs, in a patient's words.
 */
export class CNoteText extends CElement {
  static properties = { note: { attribute: false }, plain: { type: Boolean } };

  constructor() {
    super();
    /** @type {import('../state/clinic.js').VisitNote | null} */
    this.note = null;
    this.plain = false;
  }

  render() {
    const { note } = this;
    if (!note) return nothing;
    return html`
      <dl class="note-text">
        ${SECTIONS.map((section) => {
          const text = note[section]?.trim();
          const label = this.plain ? FOR_PATIENTS[section] : `note.${section}`;
          return text && label
            ? html`<dt>${t(label)}</dt>
                <dd class="written">${text}</dd>`
            : nothing;
        })}
        ${(note.addenda ?? []).map(
          (addendum) => html`
            <dt>${t('home.addendum', { name: addendum.author_name, date: formatDateTime(addendum.at) })}</dt>
            <dd class="written">${addendum.text}</dd>
          `,
        )}
      </dl>
      ${
        note.signed_at
          ? html`<p class="small quiet">
              ${t('note.signed_by', { name: note.signed_by_name ?? '', time: formatDateTime(note.signed_at) })}
            </p>`
          : nothing
      }
    `;
  }
}

customElements.define('c-note-text', CNoteText);

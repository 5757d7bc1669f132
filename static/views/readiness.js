// @ts-check
import { html, nothing } from 'lit';
import { t } from '../i18n/i18n.js';
import { readinessOf } from '../state/lobby.js';
import { CElement } from './element.js';
import './icon.js';

const ICONS = { camera: 'camera', microphone: 'microphone', connection: 'wifi', consent: 'shield' };

/** <c-readiness .person>: what the device check of somebody waiting found, each in an icon and a word. */
export class CReadiness extends CElement {
  static properties = { person: { attribute: false } };

  constructor() {
    super();
    /** @type {import('../state/lobby.js').WaitingPerson | null} */
    this.person = null;
  }

  render() {
    if (!this.person) return nothing;
    return html`
      <dl class="readiness">
        ${readinessOf(this.person).map(
          ({ what, state, tone }) => html`
            <div class="ready" data-tone=${tone} data-testid=${`ready-${what}`} data-state=${state}>
              <dt><c-icon name=${ICONS[what]}></c-icon><span>${t(`ready.${what}`)}</span></dt>
              <dd>${t(`ready.state.${state}`)}</dd>
            </div>
          `,
        )}
      </dl>
    `;
  }
}

customElements.define('c-readiness', CReadiness);

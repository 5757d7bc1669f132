// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDateTime, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { initials } from '../state/clinic.js';
import { admitted, isRecording } from '../state/room.js';
import { confirmDialog } from './dialog.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';
import './readiness.js';
import { toast } from './toast.js';

/** @typedef {import('../state/room.js').Participant} Participant */
/** @typedef {import('../state/lobby.js').WaitingPerson} WaitingPerson */
/** @typedef {{ id: string, role: string, name: string, relation: string, expires_at: string, revoked_at: string | null, open: boolean }} Invitation */

const CONSENT_KINDS = { given: 'good', refused: 'warning', withdrawn: 'warning', none: 'plain' };
const CONSENT_ICONS = { given: 'check', refused: 'close', withdrawn: 'close', none: 'clock' };

/**
 * Somebody in the room as the waiting room shows them.
 * @param {Participant} person
 * @returns {WaitingPerson}
 */
export function asWaiting({ id, name, role, waitingSince, connected, readiness, consent }) {
  return {
    participant: id,
    name,
    role,
    since: waitingSince,
    connected,
    consent: consent?.decision ?? 'none',
    readiness: readiness && {
      camera: readiness.camera,
      microphone: readiness.microphone,
      speaker: readiness.speaker,
      round_trip_ms: readiness.roundTripMs,
      media: readiness.media,
    },
  };
}

/**
 * <c-visit-people .call .consultation>: who waits and who is in the call, what everybody said about recording, and the links
 * of this visit. Tells `admit` and `hold` with the person, `invite`, `record` and `answer-consent`.
 */
export class CVisitPeople extends CElement {
  static properties = { call: { attribute: false }, consultation: {} };

  constructor() {
    super();
    /** @type {import('../state/call-controller.js').CallController | null} */
    this.call = null;
    this.consultation = '';
    /** @type {Resource<Invitation[]>} */
    this._links = new Resource(
      this,
      async () => (await api.get(`/consultations/${this.consultation}/invitations`)).invitations,
    );
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
  }

  /** The links were changed by a dialog of the page. */
  refresh() {
    this._links.load();
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    return html`
      <div class="stack loose visit-people">
        ${this._waiting(call)} ${this._inCall(call)} ${this._recording(call)} ${this._invited()}
      </div>
    `;
  }

  /** @param {import('../state/call-controller.js').CallController} call */
  _waiting(call) {
    return html`
      <section class="stack tight" aria-labelledby="people-waiting" data-testid="people-waiting">
        <h2 id="people-waiting">${t('visit.waiting_here')}</h2>
        ${
          call.waiting.length === 0
            ? html`<p class="quiet">${t('visit.nobody_waiting')}</p>`
            : html`<ul class="list">
                ${call.waiting.map(
                  (person) =>
                    html` <li class="people-row">
                      <div class="grow stack tight">
                        <p>${this._name(person)}</p>
                        <c-readiness .person=${asWaiting(person)}></c-readiness>
                      </div>
                      <button
                        class="button primary"
                        type="button"
                        data-testid="people-admit"
                        aria-label=${t('visit.admit_named', { name: person.name })}
                        @click=${() => this.emit('admit', person)}
                      >
                        ${t('visit.admit')}
                      </button>
                      ${person.role === 'guest' ? this._removeButton(person) : nothing}
                    </li>`,
                )}
              </ul>`
        }
      </section>
    `;
  }

  /** @param {import('../state/call-controller.js').CallController} call */
  _inCall(call) {
    return html`
      <section class="stack tight" aria-labelledby="people-in-call" data-testid="people-in-call">
        <h2 id="people-in-call">${t('visit.in_call')}</h2>
        <ul class="list">
          ${admitted(call.room).map(
            (person) =>
              html` <li class="people-row">
                <span class="avatar" data-role=${person.role} aria-hidden="true">${initials(person.name)}</span>
                <p class="grow">
                  ${this._name(person)}
                  ${person.connected ? nothing : html`<span class="small quiet">${t('visit.not_connected')}</span>`}
                </p>
                ${
                  person.id === call.you?.participant
                    ? html`<span class="small quiet">${t('visit.you')}</span>`
                    : html`<button
                          class="button"
                          type="button"
                          data-testid="hold"
                          aria-label=${t('visit.hold_named', { name: person.name })}
                          title=${t('visit.hold_named', { name: person.name })}
                          @click=${() => this.emit('hold', person)}
                        >
                          <c-icon name="pause"></c-icon>${t('visit.hold')}
                        </button>
                        ${person.role === 'guest' ? this._removeButton(person) : nothing}`
                }
              </li>`,
          )}
        </ul>
      </section>
    `;
  }

  /** @param {import('../state/call-controller.js').CallController} call */
  _recording(call) {
    const people = admitted(call.room);
    const isOn = isRecording(call.room);
    const isReady = people.length > 1 && people.every((person) => person.consent?.decision === 'given');
    const mine = call.me?.consent?.decision;
    return html`
      <section class="stack tight" aria-labelledby="people-consent" data-testid="people-consent">
        <div class="row between wrap">
          <h2 id="people-consent">${t('visit.consent_title')}</h2>
          <c-badge
            kind=${isOn ? 'recording' : 'plain'}
            text=${t(isOn ? 'visit.record_on' : 'visit.record_off')}
          ></c-badge>
        </div>
        <ul class="list">
          ${people.map((person) => {
            const decision = person.consent?.decision ?? 'none';
            return html`<li
              class="people-row"
              data-testid="consent-state"
              data-participant=${person.id}
              data-decision=${decision}
            >
              <p class="grow">${this._name(person)}</p>
              <c-badge
                kind=${CONSENT_KINDS[decision]}
                icon=${CONSENT_ICONS[decision]}
                text=${t(`visit.consent.${decision}`)}
              ></c-badge>
            </li>`;
          })}
        </ul>
        <p class="small quiet">
          ${t(people.length < 2 ? 'visit.record_nobody' : isReady ? 'visit.record_ready' : 'visit.record_blocked')}
        </p>
        <div class="row wrap">
          <button
            class=${isOn ? 'button danger' : 'button'}
            type="button"
            data-testid="people-record"
            ?disabled=${!isOn && people.length < 2}
            @click=${() => this.emit('record')}
          >
            <span class="recording-dot" aria-hidden="true"></span
            >${t(isOn ? 'visit.record_stop' : 'visit.record_start')}
          </button>
          <button
            class="button quiet"
            type="button"
            data-testid="own-consent"
            @click=${() => this.emit('answer-consent')}
          >
            ${t(mine ? 'visit.consent_change' : 'visit.consent_answer')}
          </button>
        </div>
        ${mine ? nothing : html`<p class="small">${t('visit.consent_yours')}</p>`}
      </section>
    `;
  }

  _invited() {
    return html`
      <section class="stack tight" aria-labelledby="people-links" data-testid="people-links">
        <div class="row between wrap">
          <h2 id="people-links">${t('visit.invited')}</h2>
          <button class="button" type="button" data-testid="people-invite" @click=${() => this.emit('invite')}>
            <c-icon name="invite"></c-icon>${t('visit.invite')}
          </button>
        </div>
        ${this._links.render(
          (links) =>
            html`<ul class="list">
              ${links.map(
                (link) =>
                  html` <li class="people-row">
                    <p class="grow">
                      <span class="strong">${link.name || t(`relation.${link.relation}`)}</span>
                      <span class="small quiet">${t(`relation.${link.relation}`)}</span>
                      <span class="block small quiet"
                        >${link.open ? t('visit.invited_until', { time: formatDateTime(link.expires_at) }) : t('visit.invited_closed')}</span
                      >
                    </p>
                    ${
                      link.open
                        ? html`<button
                            class="button quiet danger"
                            type="button"
                            data-testid="revoke"
                            aria-label=${t('visit.revoke_named', { name: link.name || t(`relation.${link.relation}`) })}
                            @click=${() => this._revoke(link)}
                          >
                            ${t('visit.revoke')}
                          </button>`
                        : nothing
                    }
                  </li>`,
              )}
            </ul>`,
          { lines: 2 },
        )}
      </section>
    `;
  }

  /** @param {Participant} person */
  _name({ name, role }) {
    return html`<span class="strong">${name}</span> <span class="small quiet">${t(`core.role_${role}`)}</span>`;
  }

  /** @param {Participant} person */
  _removeButton(person) {
    const label = t('visit.remove_named', { name: person.name });
    return html`<button
      class="icon-button"
      type="button"
      data-testid="remove"
      aria-label=${label}
      title=${label}
      @click=${() => this._remove(person)}
    >
      <c-icon name="close"></c-icon>
    </button>`;
  }

  /** @param {Participant} person */
  async _remove({ id, name }) {
    const agreed = await confirmDialog({
      title: t('visit.remove_title', { name }),
      text: t('visit.remove_text'),
      action: t('visit.remove_action'),
      danger: true,
    });
    if (!agreed) return;
    try {
      await this.call?.remove(id);
      toast(t('visit.removed', { name }));
      this.refresh();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {Invitation} link */
  async _revoke(link) {
    const name = link.name || t(`relation.${link.relation}`);
    const agreed = await confirmDialog({
      title: t('visit.revoke_title', { name }),
      text: t('visit.revoke_text'),
      action: t('visit.revoke'),
      danger: true,
    });
    if (!agreed) return;
    try {
      await api.delete(`/consultations/${this.consultation}/invitations/${link.id}`);
      toast(t('visit.revoked'));
      this.refresh();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }
}

customElements.define('c-visit-people', CVisitPeople);

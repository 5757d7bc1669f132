// @ts-check
/** What the server says about itself: names, languages, emergency line, consent wording, limits. Asked once. */
import { language } from '../i18n/i18n.js';
import { api } from './api.js';

/**
 * @typedef {object} Meta
 * @property {string} name
 * @property {string} version
 * @property {boolean} demonstration
 * @property {{ login: string, password: string, name: string, role: string }[]} [demo_accounts]
 * @property {string} [demo_join_link]
 * @property {string[]} languages
 * @property {{ en: string, zh: string }} emergency
 * @property {{ en: string, zh: string }} [clinic]
 * @property {{ version: string, texts: Record<string, string> }} consent
 * @property {{ attachment_bytes: number, message_chars: number }} limits
 * @property {boolean} turn
 */

/** @type {Meta | null} */
let value = null;
/** @type {Promise<Meta> | null} */
let asked = null;

export const meta = {
  /** What is known so far; null before the first answer. */
  get value() {
    return value;
  },

  /** @returns {Promise<Meta>} */
  load() {
    asked ??= api.get('/meta').then(
      (/** @type {Meta} */ answer) => {
        value = answer;
        return answer;
      },
      (/** @type {unknown} */ error) => {
        asked = null;
        throw error;
      },
    );
    return asked;
  },

  /** The clinic's name in the reader's language. */
  get clinicName() {
    if (!value) return 'Consilium';
    return (language() === 'en' ? value.clinic?.en : value.clinic?.zh) ?? value.name;
  },

  /** What to do in an emergency, in the reader's language. */
  get emergency() {
    return (language() === 'en' ? value?.emergency.en : value?.emergency.zh) ?? '';
  },

  /** The exact words about recording that consent is asked for, and their version. */
  get consent() {
    return { version: value?.consent.version ?? '', text: value?.consent.texts[language()] ?? '' };
  },
};

// @ts-check
/**
 * The language of the page: texts by key, and dates, names and numbers in the reader's way.
 *
 * Texts live in `i18n/<language>/<area>.js` as flat objects of `'area.key': 'text with {name}'`; a text that depends on
 * a number is `{ one: '…', other: '…' }` and is chosen by `params.count`. `core` is always loaded; a route names the
 * other areas it needs (`loadTexts`). Every key exists in every language: a test proves it.
 */

/** @typedef {'en' | 'zh-CN'} Language */
/** @typedef {string | { one?: string, other: string }} Text */
/** @typedef {'core' | 'call' | 'doctor' | 'archive' | 'admin'} Area */

/** @type {readonly { code: Language, name: string }[]} */
export const LANGUAGES = [
  { code: 'en', name: 'English' },
  { code: 'zh-CN', name: '中文' },
];

const STORED_AS = 'consilium.language';

/** @type {Language} */
let current = 'en';
/** @type {Map<string, Text>} */
const texts = new Map();
/** @type {Set<Area>} */
const loaded = new Set();
/** @type {Set<() => void>} */
const listeners = new Set();
/** Changes of language and loads of texts, one after the other: the texts in use are all of one language. */
let turn = Promise.resolve();

/** @param {() => Promise<void>} action */
function inTurn(action) {
  const done = turn.then(action);
  turn = done.catch(() => {}); // whoever asked hears of it; the next one still has its turn
  return done;
}

/**
 * The nearest language we speak: any Chinese is zh-CN, everything else English.
 * @param {string | null | undefined} code
 * @returns {Language}
 */
export function nearestLanguage(code) {
  return code?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
}

/** @returns {Language} */
export function language() {
  return current;
}

/** Whether the reader chose a language here before (then nothing else may change it). */
export function languageWasChosen() {
  return remembered() !== null;
}

/**
 * @param {string | null | undefined} code
 * @param {{ remember?: boolean }} [options]
 */
export function setLanguage(code, { remember = true } = {}) {
  const next = nearestLanguage(code);
  if (remember) store(next);
  return inTurn(() => change(next));
}

/** @param {Language} next */
async function change(next) {
  if (next === current && loaded.size > 0) return;
  const areas = loaded.size > 0 ? [...loaded] : /** @type {Area[]} */ (['core']);
  const parts = await Promise.all(areas.map((area) => fetchTexts(next, area)));
  current = next;
  for (const part of parts) take(part);
  for (const area of areas) loaded.add(area);
  if (typeof document !== 'undefined') document.documentElement.lang = next;
  for (const listener of listeners) listener();
}

/** Start with the remembered language, else the browser's. */
export async function startLanguage() {
  const wanted = remembered() ?? (typeof navigator === 'undefined' ? 'en' : navigator.language);
  await setLanguage(wanted, { remember: false });
}

/**
 * Load the texts of an area; returns at once when they are here already.
 * @param {...Area} areas
 */
export function loadTexts(...areas) {
  return inTurn(async () => {
    const missing = areas.filter((area) => !loaded.has(area));
    const parts = await Promise.all(missing.map((area) => fetchTexts(current, area)));
    for (const part of parts) take(part);
    for (const area of missing) loaded.add(area);
  });
}

/**
 * Called after each change of language, until the returned function is called.
 * @param {() => void} listener
 */
export function onLanguage(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * The text of `key` in the current language. An unknown key is shown as it is, so that it is noticed.
 * @param {string} key
 * @param {Record<string, string | number>} [params]
 * @returns {string}
 */
export function t(key, params = {}) {
  const text = texts.get(key);
  if (text === undefined) return key;
  return fill(typeof text === 'string' ? text : plural(text, Number(params.count)), params);
}

/** @param {string} key */
export function hasText(key) {
  return texts.has(key);
}

/**
 * What to tell a person about an error: our own words for its code, never a stack or an internal message.
 * @param {unknown} error
 */
export function errorText(error) {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return hasText(`error.${code}`) ? t(`error.${code}`) : t('error.internal');
}

/** @param {Date | string | number} value */
export function formatTime(value) {
  return format(value, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

/** @param {Date | string | number} value */
export function formatDate(value) {
  return format(value, { year: 'numeric', month: 'short', day: 'numeric' });
}

/** The day with its weekday, for headings. @param {Date | string | number} value */
export function formatDay(value) {
  return format(value, { year: 'numeric', month: 'long', day: 'numeric', weekday: 'long' });
}

/** @param {Date | string | number} value */
export function formatDateTime(value) {
  return format(value, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

/**
 * "in 5 minutes", "2 days ago"; the unit grows with the distance.
 * @param {Date | string | number} value
 * @param {number} [now] milliseconds since the epoch
 */
export function formatRelative(value, now = Date.now()) {
  const seconds = (new Date(value).getTime() - now) / 1000;
  const format_ = new Intl.RelativeTimeFormat(current, { numeric: 'auto' });
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const units = [
    ['year', 31_556_952],
    ['month', 2_629_746],
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return format_.format(Math.round(seconds / length), unit);
  }
  return t('core.now');
}

/** Minutes and seconds, with hours when there are any: 4:05, 1:04:05. @param {number} milliseconds */
export function formatDuration(milliseconds) {
  const total = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const step = bytes > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3)) : 0;
  const value = bytes / 1000 ** step;
  return new Intl.NumberFormat(current, {
    style: 'unit',
    unit: units[step],
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0,
  }).format(value);
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export function formatNumber(value, options) {
  return new Intl.NumberFormat(current, options).format(value);
}

/** Names joined as the language joins them: "A, B and C", "A、B和C". @param {readonly string[]} items */
export function formatList(items) {
  return new Intl.ListFormat(current, { style: 'long', type: 'conjunction' }).format(items);
}

/** @param {Date | string | number} value @param {Intl.DateTimeFormatOptions} options */
function format(value, options) {
  return new Intl.DateTimeFormat(current, options).format(new Date(value));
}

/** @param {{ one?: string, other: string }} text @param {number} count */
function plural(text, count) {
  return new Intl.PluralRules(current).select(count) === 'one' && text.one !== undefined ? text.one : text.other;
}

/** @param {string} text @param {Record<string, string | number>} params */
function fill(text, params) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}

/** @param {Language} code @param {Area} area @returns {Promise<Record<string, Text>>} */
async function fetchTexts(code, area) {
  return (await import(`./${code}/${area}.js`)).default;
}

/** @param {Record<string, Text>} part */
function take(part) {
  for (const [key, text] of Object.entries(part)) texts.set(key, text);
}

function remembered() {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null; // storage is refused in some private windows: the choice lasts as long as the page
  }
}

/** @param {Language} code */
function store(code) {
  try {
    localStorage.setItem(STORED_AS, code);
  } catch {
    // as above
  }
}

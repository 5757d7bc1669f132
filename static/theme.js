// @ts-check
/** Light, dark, or what the system says; remembered. */

/** @typedef {'system' | 'light' | 'dark'} Theme */
const STORED_AS = 'consilium.theme';

/** @returns {Theme} */
export function theme() {
  try {
    const stored = localStorage.getItem(STORED_AS);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

/** @param {Theme} next */
export function setTheme(next) {
  try {
    if (next === 'system') localStorage.removeItem(STORED_AS);
    else localStorage.setItem(STORED_AS, next);
  } catch {
    // storage is refused: the choice lasts as long as the page
  }
  apply(next);
}

export function startTheme() {
  apply(theme());
}

/** @param {Theme} next */
function apply(next) {
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

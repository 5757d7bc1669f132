// @ts-check
/** Addresses and pages: matches the path, follows links without a reload, tells one listener. */

/**
 * @typedef {object} Route
 * @property {string} path  `/visit/:id`, a segment ending in `?` may be absent
 * @property {string} tag  the custom element that is the page
 * @property {() => Promise<unknown>} load  imports the element's module
 * @property {readonly import('./i18n/i18n.js').Area[]} texts  areas of texts the page needs besides `core`
 * @property {readonly string[] | null} roles  who may open it; null: everybody, signed in or not
 * @property {'full' | 'plain' | 'none'} shell  with navigation, with the clinic's name only, or the whole window
 * @property {readonly string[]} [styles]  style sheets of its own, in /static/styles
 */
/** @typedef {Record<string, string>} Params */
/**
 * Where somebody is. `route` is null when no page is there for this person; `closed` says that one would be there for
 * somebody else (or after signing in).
 * @typedef {{ route: Route | null, closed: boolean, params: Params, query: URLSearchParams, path: string }} Place
 */

/** @type {(place: Place) => void} */
let listener = () => {};
/** @type {readonly Route[]} */
let table = [];
/** @type {() => string | undefined} */
let roleNow = () => undefined;

/**
 * @param {readonly Route[]} routes
 * @param {() => string | undefined} role  of the person signed in, asked at every step
 * @param {(place: Place) => void} onPlace
 */
export function startRouter(routes, role, onPlace) {
  table = routes;
  roleNow = role;
  listener = onPlace;
  addEventListener('popstate', () => listener(here()));
  document.addEventListener('click', followLink);
  listener(here());
}

/**
 * Go to a path of ours.
 * @param {string} path
 * @param {{ replace?: boolean }} [options]
 */
export function navigate(path, { replace = false } = {}) {
  if (replace) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  listener(here());
}

/** @returns {Place} */
export function here() {
  return placeOf(table, roleNow(), location.pathname, location.search);
}

/**
 * @param {readonly Route[]} routes @param {string | undefined} role @param {string} path @param {string} [search]
 * @returns {Place}
 */
export function placeOf(routes, role, path, search = '') {
  const query = new URLSearchParams(search);
  let closed = false;
  for (const route of routes) {
    const params = match(route.path, path);
    if (!params) continue;
    if (route.roles === null || (role !== undefined && route.roles.includes(role))) {
      return { route, closed: false, params, query, path };
    }
    closed = true;
  }
  return { route: null, closed, params: {}, query, path };
}

/** @param {string} pattern @param {string} path @returns {Params | null} */
function match(pattern, path) {
  const wanted = pattern.split('/').filter(Boolean);
  const given = path.split('/').filter(Boolean);
  if (given.length > wanted.length) return null;
  /** @type {Params} */
  const params = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index];
    if (!part.startsWith(':')) {
      if (value !== part) return null;
    } else if (value !== undefined) {
      params[part.slice(1).replace('?', '')] = decode(value);
    } else if (!part.endsWith('?')) {
      return null;
    }
  }
  return params;
}

/** @param {string} value */
function decode(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** @param {MouseEvent} event */
function followLink(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  const ours = !/^\/(api|static|socket\.io|metrics|healthz|readyz)(\/|$)/.test(link.pathname);
  if (!ours || link.getAttribute('href')?.startsWith('#')) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}

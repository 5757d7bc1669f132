// @ts-check
/** Joins the parts: language, session, router and the shell around the page in view. */
import { html, nothing, render } from 'lit';
import { loadTexts, onLanguage, languageWasChosen, setLanguage, startLanguage, t } from './i18n/i18n.js';
import { auth } from './net/auth.js';
import { meta } from './net/meta.js';
import { here, navigate, startRouter } from './router.js';
import { firstPage, routes } from './routes.js';
import { startTheme } from './theme.js';
import './views/app-shell.js';
import './views/empty.js';
import './views/error-panel.js';
import './views/skeleton.js';

const root = /** @type {HTMLElement} */ (document.getElementById('app'));

/** What stands inside the shell now. @type {unknown} */
let page = nothing;
/** @type {'full' | 'plain' | 'none'} */
let shell = 'plain';
/** Counts the steps, so that a slow page which was left meanwhile doesn't appear. */
let step = 0;

function draw() {
  render(
    html`<c-app-shell .kind=${shell} .path=${location.pathname} .me=${auth.me} .page=${page}></c-app-shell>`,
    root,
  );
}

/** @param {import('./router.js').Place} place */
async function show(place) {
  const mine = ++step;
  const { route } = place;
  if (place.path === '/') return navigate(firstPage(auth.me?.role), { replace: true });
  if (!route) return showNothingHere(place);
  const slow = setTimeout(() => {
    if (mine === step) replacePage(html`<c-skeleton class="page" lines="6"></c-skeleton>`, route.shell);
  }, 300);
  try {
    await Promise.all([route.load(), loadTexts(...route.texts), ...(route.styles ?? []).map(loadStyle)]);
    if (mine !== step) return undefined;
    const element = /** @type {import('./views/element.js').Page} */ (document.createElement(route.tag));
    element.params = place.params;
    element.query = place.query;
    replacePage(element, route.shell);
    element.begin();
  } catch (error) {
    if (mine !== step) return undefined;
    console.error(error);
    replacePage(html`<c-error-panel .error=${error} .retry=${() => show(here())}></c-error-panel>`, route.shell);
  } finally {
    clearTimeout(slow);
  }
  return undefined;
}

/** @param {import('./router.js').Place} place */
function showNothingHere(place) {
  if (place.closed && !auth.me) {
    navigate(`/sign-in?to=${encodeURIComponent(place.path)}`, { replace: true });
    return;
  }
  const action =
    auth.me && auth.me.role !== 'guest'
      ? html`<a class="button primary" href="/">${t('core.go_to_start')}</a>`
      : nothing;
  replacePage(
    html`<c-empty
      icon="search"
      .main=${true}
      .heading=${t('core.nothing_here')}
      .text=${t('core.nothing_here_text')}
      .action=${action}
    ></c-empty>`,
    'plain',
  );
}

/** @param {unknown} next @param {'full' | 'plain' | 'none'} kind */
function replacePage(next, kind) {
  page = next;
  shell = kind;
  scrollTo(0, 0);
  draw();
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/** @param {string} name */
function loadStyle(name) {
  let loading = styles.get(name);
  if (!loading) {
    loading = new Promise((resolve) => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = new URL(`./styles/${name}`, import.meta.url).href;
      link.addEventListener('load', () => resolve());
      link.addEventListener('error', () => resolve()); // a page without its colours is better than no page
      document.head.append(link);
    });
    styles.set(name, loading);
  }
  return loading;
}

/** Take the language of the person when nobody chose one here. */
function followPerson() {
  if (auth.me && !languageWasChosen()) setLanguage(auth.me.language, { remember: false }).catch(console.error);
  draw();
}

root.addEventListener('shell-wanted', (event) => {
  const wanted = /** @type {CustomEvent<'full' | 'plain' | 'none'>} */ (event).detail;
  if (wanted === shell) return;
  shell = wanted;
  draw();
});

async function start() {
  startTheme();
  await startLanguage();
  draw();
  onLanguage(draw);
  const [known] = await Promise.allSettled([meta.load(), auth.restore()]);
  if (known.status === 'rejected') {
    replacePage(
      html`<c-error-panel .error=${known.reason} .retry=${() => location.reload()}></c-error-panel>`,
      'plain',
    );
    return;
  }
  auth.subscribe(followPerson);
  followPerson();
  startRouter(routes, () => auth.me?.role, show);
}

start();

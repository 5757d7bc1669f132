// @ts-check
/**
 * The HTTP API under /api/v1. Paths are given without that prefix: `api.get('/consultations')`.
 *
 * Every call throws `ApiError` with a stable code. A 401 is answered once by renewing the access token and asking again.
 */

const PREFIX = '/api/v1';
const TIMEOUT_MS = 20_000;

/** What the server (or the way to it) refused. `code` is stable and translated as `error.<code>`. */
export class ApiError extends Error {
  /** @param {{ code: string, status?: number, detail?: string, requestId?: string }} problem */
  constructor({ code, status = 0, detail = '', requestId = '' }) {
    super(detail || code);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.requestId = requestId;
  }
}

/**
 * Where access tokens come from; set once by net/auth.js.
 * @typedef {{ current(): Promise<string | null>, renew(): Promise<string | null> }} TokenSource
 */
/** @type {TokenSource} */
let tokens = { current: async () => null, renew: async () => null };

/** @param {TokenSource} source */
export function useTokens(source) {
  tokens = source;
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

export const api = {
  /** @param {string} path @param {{ query?: Query, signal?: AbortSignal }} [options] @returns {Promise<any>} */
  get: (path, options = {}) => call('GET', path, options),
  /** @param {string} path @param {unknown} [body] @param {CallOptions} [options] @returns {Promise<any>} */
  post: (path, body, options = {}) => call('POST', path, { ...options, body }),
  /** @param {string} path @param {unknown} [body] @param {CallOptions} [options] @returns {Promise<any>} */
  put: (path, body, options = {}) => call('PUT', path, { ...options, body }),
  /** @param {string} path @param {unknown} [body] @param {CallOptions} [options] @returns {Promise<any>} */
  patch: (path, body, options = {}) => call('PATCH', path, { ...options, body }),
  /** @param {string} path @param {CallOptions} [options] @returns {Promise<any>} */
  delete: (path, options = {}) => call('DELETE', path, options),

  /**
   * The bytes at `path`, for images shown through a blob URL and for downloads.
   * @param {string} path @param {{ query?: Query, signal?: AbortSignal }} [options] @returns {Promise<Blob>}
   */
  async blob(path, options = {}) {
    const response = await request('GET', path, options);
    return response.blob();
  },

  /**
   * Send one file as the body. `onProgress` hears fractions from 0 to 1.
   * @param {string} path @param {Blob} blob
   * @param {{ query?: Query, onProgress?: (fraction: number) => void, signal?: AbortSignal }} [options]
   * @returns {Promise<any>}
   */
  async upload(path, blob, options = {}) {
    try {
      return await send(path, blob, await tokens.current(), options);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      return send(path, blob, await tokens.renew(), options);
    }
  },
};

/**
 * @typedef {{ query?: Query, body?: unknown, signal?: AbortSignal, headers?: Record<string, string>,
 *   anonymous?: boolean }} CallOptions
 */

/** @param {string} method @param {string} path @param {CallOptions} options */
async function call(method, path, options) {
  const response = await request(method, path, options);
  if (response.status === 204) return null;
  const text = await response.text();
  return text === '' ? null : JSON.parse(text);
}

/** @param {string} method @param {string} path @param {CallOptions} options @returns {Promise<Response>} */
async function request(method, path, options) {
  const token = options.anonymous ? null : await tokens.current();
  let response = await attempt(method, path, token, options);
  if (response.status === 401 && !options.anonymous) {
    const fresh = await tokens.renew();
    if (fresh) response = await attempt(method, path, fresh, options);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** @param {string} method @param {string} path @param {string | null} token @param {CallOptions} options */
async function attempt(method, path, token, { query, body, signal, headers = {} }) {
  /** @type {Record<string, string>} */
  const sent = { Accept: 'application/json', ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(address(path, query), {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal && AbortSignal.any ? AbortSignal.any([signal, timeout]) : (signal ?? timeout), // any: Safari 17.4
      credentials: 'same-origin',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ code: timeout.aborted ? 'timeout' : 'offline' });
  }
}

/** @param {string} path @param {Query} [query] */
function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const tail = search.toString();
  return PREFIX + path + (tail ? `?${tail}` : '');
}

/** @param {Response} response */
async function problemOf(response) {
  const text = await response.text().catch(() => '');
  return toError(response.status, text, response.headers.get('X-Request-Id') ?? '');
}

/** @param {number} status @param {string} text @param {string} requestId */
function toError(status, text, requestId) {
  /** @type {{ code?: string, detail?: string, title?: string, request_id?: string }} */
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // a proxy's page, or nothing: the status says enough
  }
  return new ApiError({
    code: problem.code ?? (status === 502 || status === 503 || status === 504 ? 'overloaded' : 'internal'),
    status,
    detail: problem.detail ?? problem.title ?? '',
    requestId: problem.request_id ?? requestId,
  });
}

/**
 * XMLHttpRequest, because fetch can't report how much of a body has left.
 * @param {string} path @param {Blob} blob @param {string | null} token
 * @param {{ query?: Query, onProgress?: (fraction: number) => void, signal?: AbortSignal }} options
 * @returns {Promise<any>}
 */
function send(path, blob, token, { query, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', address(path, query));
    if (token) request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    });
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(toError(request.status, request.responseText, request.getResponseHeader('X-Request-Id') ?? ''));
    });
    request.addEventListener('error', () => reject(new ApiError({ code: 'offline' })));
    request.addEventListener('abort', () => reject(new DOMException('Cancelled', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort());
    request.send(blob);
  });
}

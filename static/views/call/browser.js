// @ts-check
/** Which browser this is, as far as help texts differ. Never used to decide what it can do. */

/** @typedef {'chrome' | 'chrome-android' | 'safari' | 'safari-ios' | 'firefox' | 'edge' | 'other'} Browser */

/** @param {string} [agent] @param {number} [touchPoints] @returns {Browser} */
export function browserOf(agent = navigator.userAgent, touchPoints = navigator.maxTouchPoints) {
  if (/iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touchPoints > 1)) return 'safari-ios';
  if (/Edg(e|A|iOS)?\//.test(agent)) return 'edge';
  if (/Firefox\//.test(agent)) return 'firefox';
  if (/Chrome\//.test(agent)) return /Android/.test(agent) ? 'chrome-android' : 'chrome';
  if (/Safari\//.test(agent)) return 'safari';
  return 'other';
}

/** The app around a browser that often gives no camera, by name. @param {string} [agent] @returns {string | null} */
export function inAppOf(agent = navigator.userAgent) {
  const apps = [
    ['WeChat', /MicroMessenger/],
    ['QQ', /\bQQ\//],
    ['Weibo', /Weibo/],
    ['DingTalk', /DingTalk/],
    ['Alipay', /AlipayClient/],
    ['Facebook', /FBAN|FBAV/],
    ['Instagram', /Instagram/],
    ['LINE', /\bLine\//],
  ];
  return /** @type {[string, RegExp][]} */ (apps).find(([, pattern]) => pattern.test(agent))?.[0] ?? null;
}

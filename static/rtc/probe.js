// @ts-check
/**
 * Whether sound and picture will get through, tried before the call: a throw-away connection to the clinic's media
 * server that carries nothing.
 */

/** @typedef {import('./connection.js').Offer & { probe?: boolean }} ProbeOffer */
/** @typedef {{ through: boolean, port: string }} ProbeResult  `port`: the server's UDP port, for those who keep a firewall */
/** What it needs of a Session (net/seat.js). @typedef {Pick<import('../net/seat.js').Session, 'on' | 'request'>} ProbeSession */

const WITHIN_MS = 5000;

/**
 * Try it. Rejects when the server can't be asked (SessionError), or when `signal` says that nobody wants to know any more.
 * @param {{
 *   session: ProbeSession, signal?: AbortSignal, withinMs?: number,
 *   createPeer?: (configuration: RTCConfiguration) => RTCPeerConnection,
 * }} parts
 * @returns {Promise<ProbeResult>}
 */
export async function probeMedia({
  session,
  signal,
  withinMs = WITHIN_MS,
  createPeer = (configuration) => new RTCPeerConnection(configuration),
}) {
  /** @type {(() => void)[]} */
  const endings = [];
  try {
    const offered = new Promise((/** @type {(offer: ProbeOffer) => void} */ resolve) => {
      endings.push(session.on('media_offer', (offer) => offer.probe && resolve(offer)));
    });
    const { ice_servers: iceServers } = await session.request('media_probe', {});
    endings.push(() => session.request('media_leave', { probe: true }).catch(() => {}));
    const peer = createPeer({ iceServers: iceServers ?? [], bundlePolicy: 'max-bundle' });
    endings.push(() => peer.close());
    const offer = await soon(offered, { signal, withinMs });
    await answer(peer, offer, session);
    const through = await soon(connected(peer), { signal, withinMs, otherwise: false });
    return { through, port: portOf(offer.sdp) };
  } finally {
    for (const end of endings.reverse()) end();
  }
}

/**
 * As a call would, only without anything to send.
 * @param {RTCPeerConnection} peer @param {ProbeOffer} offer @param {ProbeSession} session
 */
async function answer(peer, offer, session) {
  await peer.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
  for (const section of peer.getTransceivers()) section.direction = 'sendonly';
  await peer.setLocalDescription(await peer.createAnswer());
  const sdp = peer.localDescription?.sdp ?? '';
  await session.request('media_answer', { generation: offer.generation, sdp, probe: true });
}

/** True once packets went both ways and the keys are agreed, false when the browser gives up. @param {RTCPeerConnection} peer */
function connected(peer) {
  return new Promise((/** @type {(through: boolean) => void} */ resolve) => {
    const look = () => {
      if (peer.connectionState === 'connected') resolve(true);
      if (peer.connectionState === 'failed') resolve(false);
    };
    peer.addEventListener('connectionstatechange', look);
    look();
  });
}

/**
 * What `promise` brings, if that is soon; else `otherwise`, or an error when there is none.
 * @template T
 * @param {Promise<T>} promise @param {{ signal?: AbortSignal, withinMs: number, otherwise?: T }} limits
 * @returns {Promise<T>}
 */
async function soon(promise, { signal, withinMs, otherwise }) {
  signal?.throwIfAborted();
  /** @type {() => void} */
  let forget = () => {};
  const limit = new Promise((/** @type {(value: T) => void} */ resolve, reject) => {
    const late = () => (otherwise === undefined ? reject(new Error('no answer')) : resolve(otherwise));
    const stop = () => reject(signal?.reason);
    const timer = setTimeout(late, withinMs);
    signal?.addEventListener('abort', stop);
    forget = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    };
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    forget();
  }
}

/** The UDP port of the first address that the server names. @param {string} sdp */
function portOf(sdp) {
  return /^a=candidate:\S+ \d+ udp \d+ \S+ (\d+)/m.exec(sdp)?.[1] ?? '';
}

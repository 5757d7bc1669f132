// @ts-check
/** The session of this tab: one socket for the call, the waiting room and the dashboard. See net/seat.js. */
import { io } from 'socket.io-client';
import { auth } from './auth.js';
import { Session } from './seat.js';

export { Session, SessionError } from './seat.js';

export const session = new Session({ token: (options) => auth.token(options), connect: (options) => io(options) });

auth.subscribe((me) => {
  if (!me) session.close();
});
addEventListener('online', () => session.networkChanged());

// Phones say what kind of network they are on. Changes of the estimated speed come as the same event.
const network = /** @type {EventTarget & { type?: string } | undefined} */ (Reflect.get(navigator, 'connection'));
let kind = network?.type;
network?.addEventListener('change', () => {
  if (network.type === kind) return;
  kind = network.type;
  session.networkChanged();
});

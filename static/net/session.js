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
addEventListener('online', () => session.hurry());

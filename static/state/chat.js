// @ts-check
/**
 * What this browser adds to the room's messages: those on their way, those that failed, and who is typing.
 *
 * A message keeps its id from the first attempt to the last, so a retry after a lost answer is the same message. It
 * leaves `outgoing` when the room's own event of it arrives, never before: nothing is shown as sent that isn't stored.
 */
import { participantOf } from './room.js';

export const TYPING_SHOWN_MS = 4000;
export const TYPING_TOLD_EVERY_MS = 2000;

/** @typedef {import('./room.js').Attachment} Attachment */
/** @typedef {import('./room.js').RoomState} RoomState */
/**
 * @typedef {object} Outgoing
 * @property {string} id
 * @property {string} text
 * @property {readonly Attachment[]} attachments
 * @property {'sending' | 'failed'} state
 * @property {string} errorCode  why it failed; '' while it is on its way
 * @property {string} at
 */
/** @typedef {{ outgoing: readonly Outgoing[], typing: Readonly<Record<string, number>> }} ChatState  typing: participant -> shown until (ms) */
/**
 * @typedef {object} Entry  one line of the conversation as it is shown
 * @property {string} key  stays the same from composing to delivery
 * @property {number | null} seq
 * @property {string} at
 * @property {string} author
 * @property {string} authorName
 * @property {boolean} mine
 * @property {string} text
 * @property {readonly Attachment[]} attachments
 * @property {'sending' | 'failed' | 'sent' | 'read'} state
 * @property {string} errorCode
 */
/**
 * @typedef {{ type: 'composed', id: string, text: string, attachments: readonly Attachment[], at: string }
 *   | { type: 'failed', id: string, code: string }
 *   | { type: 'retried', id: string }
 *   | { type: 'discarded', id: string }
 *   | { type: 'posted', id: string, author: string, mine: boolean }
 *   | { type: 'typing', participant: string, until: number }
 *   | { type: 'typing_checked', now: number }} ChatAction
 */

/** @type {ChatState} */
export const emptyChat = Object.freeze({ outgoing: Object.freeze([]), typing: Object.freeze({}) });

/**
 * @param {ChatState} state
 * @param {ChatAction} action
 * @returns {ChatState}
 */
export function reduceChat(state, action) {
  switch (action.type) {
    case 'composed': {
      if (state.outgoing.some((message) => message.id === action.id)) return state;
      const { id, text, attachments, at } = action;
      return {
        ...state,
        outgoing: [...state.outgoing, { id, text, attachments, state: 'sending', errorCode: '', at }],
      };
    }
    case 'failed':
      return update(state, action.id, { state: 'failed', errorCode: action.code });
    case 'retried':
      return update(state, action.id, { state: 'sending', errorCode: '' });
    case 'discarded':
      return { ...state, outgoing: state.outgoing.filter((message) => message.id !== action.id) };
    case 'posted': {
      const outgoing = action.mine ? state.outgoing.filter((message) => message.id !== action.id) : state.outgoing;
      return { ...state, outgoing, typing: without(state.typing, action.author) };
    }
    case 'typing':
      return { ...state, typing: { ...state.typing, [action.participant]: action.until } };
    case 'typing_checked': {
      const still = Object.entries(state.typing).filter(([, until]) => until > action.now);
      return still.length === Object.keys(state.typing).length
        ? state
        : { ...state, typing: Object.fromEntries(still) };
    }
    default:
      return state;
  }
}

/**
 * The conversation as it is shown: what the room has, then what is on its way.
 * @param {RoomState} room @param {ChatState} chat @param {string} me
 * @returns {Entry[]}
 */
export function conversation(room, chat, me) {
  const seenByOthers = Math.max(
    0,
    ...Object.entries(room.reads)
      .filter(([reader]) => reader !== me)
      .map(([, upTo]) => upTo),
  );
  const posted = room.messages.map((message) => ({
    key: message.author === me ? message.clientMessageId : `${message.author}/${message.clientMessageId}`,
    seq: message.seq,
    at: message.at,
    author: message.author,
    authorName: participantOf(room, message.author)?.name ?? '',
    mine: message.author === me,
    text: message.body.text ?? '',
    attachments: message.attachments,
    state: /** @type {Entry['state']} */ (message.seq <= seenByOthers ? 'read' : 'sent'),
    errorCode: '',
  }));
  const stored = new Set(posted.filter((entry) => entry.mine).map((entry) => entry.key));
  const onTheirWay = chat.outgoing
    .filter((message) => !stored.has(message.id))
    .map((message) => ({
      key: message.id,
      seq: null,
      at: message.at,
      author: me,
      authorName: participantOf(room, me)?.name ?? '',
      mine: true,
      text: message.text,
      attachments: message.attachments,
      state: message.state,
      errorCode: message.errorCode,
    }));
  return [...posted, ...onTheirWay];
}

/** Names of those who type now. @param {RoomState} room @param {ChatState} chat @param {string} me */
export function typists(room, chat, me) {
  return Object.keys(chat.typing)
    .filter((id) => id !== me)
    .map((id) => participantOf(room, id)?.name ?? '')
    .filter(Boolean);
}

/** @param {ChatState} state @param {string} id @param {Partial<Outgoing>} changes @returns {ChatState} */
function update(state, id, changes) {
  return {
    ...state,
    outgoing: state.outgoing.map((message) => (message.id === id ? { ...message, ...changes } : message)),
  };
}

/** @param {Readonly<Record<string, number>>} typing @param {string} participant */
function without(typing, participant) {
  const { [participant]: _gone, ...rest } = typing;
  return rest;
}

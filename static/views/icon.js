// @ts-check
import { html, nothing, svg } from 'lit';
import { CElement } from './element.js';

/** Line drawings on a grid of 24. */
const SHAPES = {
  alert: svg`<path d="M12 3 2.5 20h19L12 3zM12 10v4M12 17.2v.1"/>`,
  archive: svg`<path d="M3 4h18v5H3zM5 9v11h14V9M10 13h4"/>`,
  'arrow-left': svg`<path d="M19 12H5M11 6l-6 6 6 6"/>`,
  attach: svg`<path d="m20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.700l-8.5 8.500a1.7 1.7 0 0 1-2.4-2.400L14 7.5"/>`,
  bell: svg`<path d="M6 10a6 6 0 0 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20.500a2.2 2.2 0 0 0 4 0"/>`,
  calendar: svg`<path d="M4 6h16v14H4zM4 10h16M8 3v4M16 3v4"/>`,
  camera: svg`<path d="M3 7h12v10H3zM15 11l6-3.500v9L15 13z"/>`,
  'camera-off': svg`<path d="M15 11l6-3.500v9L15 13M7 7h8v6M3 7v10h12M3 3l18 18"/>`,
  chat: svg`<path d="M4 5h16v11H9l-5 4z"/>`,
  check: svg`<path d="m5 12.5 4.5 4.500L19 7.5"/>`,
  'check-double': svg`<path d="m2 12.5 4 4L15 7M12 15l1.5 1.500L22 8"/>`,
  'chevron-down': svg`<path d="m6 9 6 6 6-6"/>`,
  'chevron-left': svg`<path d="m15 6-6 6 6 6"/>`,
  'chevron-right': svg`<path d="m9 6 6 6-6 6"/>`,
  clock: svg`<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>`,
  close: svg`<path d="M6 6l12 12M18 6 6 18"/>`,
  copy: svg`<path d="M9 9h11v11H9zM5 15H4V4h11v1"/>`,
  door: svg`<path d="M6 21V4l9-1v18M15 5h3v16M3 21h18M11.5 12v.1"/>`,
  download: svg`<path d="M12 4v11M7 11l5 5 5-5M4 20h16"/>`,
  edit: svg`<path d="M4 20h4L20 8l-4-4L4 16zM14 6l4 4"/>`,
  eye: svg`<path d="M2 12s3.5-6.5 10-6.500S22 12 22 12s-3.5 6.5-10 6.500S2 12 2 12z"/><circle cx="12" cy="12" r="2.5"/>`,
  'eye-off': svg`<path d="M9.500 5.800A11 11 0 0 1 12 5.500c6.500 0 10 6.500 10 6.500a18 18 0 0 1-3 3.800M6 7.500A17 17 0 0 0 2 12s3.500 6.500 10 6.500a10 10 0 0 0 4-.8M3 3l18 18"/>`,
  file: svg`<path d="M6 3h8l5 5v13H6zM14 3v5h5"/>`,
  filter: svg`<path d="M3 5h18l-7 8v6l-4 2v-8z"/>`,
  flip: svg`<path d="M4 8V6h5l2-2h2l2 2h5v2M4 12v7h16v-7M9 14a3 3 0 0 1 5.5-1M15 14a3 3 0 0 1-5.5 1"/>`,
  hangup: svg`<path d="M3 14c5-5.5 13-5.5 18 0l-2.5 2.5-3.5-1.500v-2.500a10 10 0 0 0-6 0V15l-3.5 1.500z"/>`,
  'flip-corner': svg`<path d="M4 4h16v16H4zM12 8h4v4M16 8l-5 5M8 12v4h4"/>`,
  heart: svg`<path d="M12 20S4 14.5 4 9a4 4 0 0 1 8-1.500A4 4 0 0 1 20 9c0 5.5-8 11-8 11z"/>`,
  history: svg`<path d="M4 12a8 8 0 1 0 2.5-5.800L4 8.500M4 4v4.500h4.500M12 8v4.500l3 2"/>`,
  home: svg`<path d="M4 11l8-7 8 7v9h-5v-6H9v6H4z"/>`,
  image: svg`<path d="M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4"/><circle cx="9" cy="9" r="1"/>`,
  info: svg`<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8v.1"/>`,
  invite: svg`<circle cx="9" cy="8" r="4"/><path d="M2 20c.5-4 3.5-6 7-6s6.5 2 7 6M19 8v6M16 11h6"/>`,
  language: svg`<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c3 3 3.5 6 3.5 9s-.5 6-3.5 9c-3-3-3.5-6-3.5-9S9 6 12 3z"/>`,
  link: svg`<path d="M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.700L12 7M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.700L12 17"/>`,
  lock: svg`<path d="M5 11h14v10H5zM8 11V8a4 4 0 0 1 8 0v3"/>`,
  menu: svg`<path d="M4 6h16M4 12h16M4 18h16"/>`,
  microphone: svg`<path d="M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5 11a7 7 0 0 0 14 0M12 18v3"/>`,
  'microphone-off': svg`<path d="M15 10V6a3 3 0 0 0-6-.5M9 9v2a3 3 0 0 0 4.5 2.600M5 11a7 7 0 0 0 11.5 5.300M19 11a7 7 0 0 1-.5 2.500M12 18v3M3 3l18 18"/>`,
  moon: svg`<path d="M20 14a8 8 0 1 1-9.5-10A6.5 6.5 0 0 0 20 14z"/>`,
  more: svg`<path d="M5 12v.1M12 12v.1M19 12v.1"/>`,
  note: svg`<path d="M5 3h14v18H5zM9 8h6M9 12h6M9 16h3"/>`,
  pause: svg`<path d="M8 5v14M16 5v14"/>`,
  people: svg`<circle cx="9" cy="8" r="4"/><path d="M2 20c.5-4 3.5-6 7-6s6.5 2 7 6M16 4.500a4 4 0 0 1 0 7M18 14.500c2 .5 3.5 2.5 4 5.5"/>`,
  person: svg`<circle cx="12" cy="8" r="4"/><path d="M4 21c.5-4.5 4-7 8-7s7.5 2.5 8 7"/>`,
  phone: svg`<path d="M6 3h3l2 5-2.5 2a12 12 0 0 0 5.5 5.500L16 13l5 2v3c0 2-1.5 3-3 3C10 20.5 3.5 14 3 6c0-1.5 1-3 3-3z"/>`,
  pill: svg`<path d="m10.5 20.5-7-7a5 5 0 0 1 7-7l7 7a5 5 0 0 1-7 7zM7 10l7 7"/>`,
  pin: svg`<path d="M9 3h6l-1 6 4 4H6l4-4zM12 13v8"/>`,
  play: svg`<path d="M7 4v16l13-8z"/>`,
  plus: svg`<path d="M12 5v14M5 12h14"/>`,
  record: svg`<circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="4" fill="currentColor"/>`,
  refresh: svg`<path d="M20 12a8 8 0 1 1-2.5-5.800L20 8.500M20 4v4.500h-4.5"/>`,
  screen: svg`<path d="M3 4h18v12H3zM8 20h8M12 16v4M12 13V7M9 9.5 12 7l3 2.5"/>`,
  search: svg`<circle cx="11" cy="11" r="7"/><path d="m16 16 5 5"/>`,
  send: svg`<path d="M4 12 3 4l18 8-18 8 1-8zM4 12h8"/>`,
  settings: svg`<circle cx="12" cy="12" r="3"/><path d="M12 2.500v3M12 18.500v3M2.5 12h3M18.5 12h3M5.3 5.300l2.1 2.100M16.6 16.600l2.1 2.100M18.7 5.300l-2.1 2.100M7.4 16.600l-2.1 2.1"/>`,
  shield: svg`<path d="M12 3 5 6v5c0 5 3 8 7 10 4-2 7-5 7-10V6zM9 12l2 2 4-4"/>`,
  'sign-out': svg`<path d="M14 4H5v16h9M10 12h11M17 8l4 4-4 4"/>`,
  signal: svg`<path d="M4 20v-4M9.3 20v-8M14.7 20V8M20 20V4"/>`,
  'signal-low': svg`<path d="M4 20v-4M9.3 20v-8"/><path d="M14.7 20V8M20 20V4" opacity=".3"/>`,
  speaker: svg`<path d="M4 9v6h4l5 4V5L8 9zM16.5 9a4 4 0 0 1 0 6M19 6.500a8 8 0 0 1 0 11"/>`,
  'speaker-off': svg`<path d="M4 9v6h4l5 4V5L8 9zM17 9.500l5 5M22 9.500l-5 5"/>`,
  stop: svg`<circle cx="12" cy="12" r="9"/><path d="M9 9h6v6H9z"/>`,
  sun: svg`<circle cx="12" cy="12" r="4"/><path d="M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M18.7 5.300l-1.4 1.400M6.7 17.300l-1.4 1.4"/>`,
  system: svg`<path d="M3 4h18v12H3zM8 20h8"/>`,
  trash: svg`<path d="M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6"/>`,
  upload: svg`<path d="M12 16V5M7 9l5-5 5 5M4 20h16"/>`,
  voice: svg`<path d="M4 10v4M8 7v10M12 4v16M16 7v10M20 10v4"/>`,
  wifi: svg`<path d="M2.5 9a14 14 0 0 1 19 0M6 12.800a9 9 0 0 1 12 0M9 16.300a4.5 4.5 0 0 1 6 0M12 20v.1"/>`,
  'wifi-off': svg`<path d="M2.5 9a14 14 0 0 1 6-3.300M13 5.100A14 14 0 0 1 21.5 9M6 12.800a9 9 0 0 1 4-2.100M9 16.300a4.5 4.5 0 0 1 6 0M12 20v.1M3 3l18 18"/>`,
};

/**
 * <c-icon name="camera"></c-icon>: always beside words, or with a `label` when it stands alone.
 */
export class CIcon extends CElement {
  static properties = { name: {}, label: {} };

  constructor() {
    super();
    this.name = '';
    this.label = '';
  }

  render() {
    const shape = /** @type {Record<string, unknown>} */ (SHAPES)[this.name] ?? nothing;
    return this.label
      ? html`<svg viewBox="0 0 24 24" role="img" aria-label=${this.label}>${shape}</svg>`
      : html`<svg viewBox="0 0 24 24" aria-hidden="true">${shape}</svg>`;
  }
}

export const ICONS = Object.freeze(Object.keys(SHAPES));

customElements.define('c-icon', CIcon);

// @ts-check
/** Every page: its address, its element, who may open it and what it needs. */

const STAFF = ['clinician', 'custodian', 'administrator'];
const VISITORS = ['patient', 'guest'];

/** @type {readonly import('./router.js').Route[]} */
export const routes = [
  {
    path: '/sign-in',
    tag: 'c-sign-in',
    load: () => import('./views/sign-in.js'),
    texts: ['doctor'],
    roles: null,
    shell: 'plain',
    styles: ['doctor.css'],
  },
  {
    path: '/join/:id?',
    tag: 'c-join',
    load: () => import('./views/join.js'),
    texts: ['call'],
    roles: null,
    shell: 'plain',
    styles: ['call.css'],
  },
  {
    path: '/visit/:id',
    tag: 'c-doctor-visit',
    load: () => import('./views/doctor-visit.js'),
    texts: ['call', 'doctor'],
    roles: ['clinician'],
    shell: 'none',
    styles: ['call.css', 'doctor.css', 'medical-record.css', 'doctor-visit.css'],
  },
  {
    path: '/visit/:id',
    tag: 'c-visit',
    load: () => import('./views/visit.js'),
    texts: ['call'],
    roles: VISITORS,
    shell: 'plain',
    styles: ['call.css'],
  },
  {
    path: '/after/:id',
    tag: 'c-after',
    load: () => import('./views/after.js'),
    texts: ['call'],
    roles: VISITORS,
    shell: 'plain',
    styles: ['call.css'],
  },
  {
    path: '/home',
    tag: 'c-patient-home',
    load: () => import('./views/patient-home.js'),
    texts: ['doctor'],
    roles: ['patient'],
    shell: 'full',
    styles: ['doctor.css'],
  },
  {
    path: '/dashboard',
    tag: 'c-dashboard',
    load: () => import('./views/dashboard.js'),
    texts: ['doctor'],
    roles: ['clinician'],
    shell: 'full',
    styles: ['doctor.css'],
  },
  {
    path: '/patients',
    tag: 'c-patients',
    load: () => import('./views/patients.js'),
    texts: ['doctor'],
    roles: ['clinician'],
    shell: 'full',
    styles: ['doctor.css'],
  },
  {
    path: '/patients/:id',
    tag: 'c-patient-record',
    load: () => import('./views/patient-record.js'),
    texts: ['doctor'],
    roles: ['clinician'],
    shell: 'full',
    styles: ['doctor.css', 'medical-record.css'],
  },
  {
    path: '/archive',
    tag: 'c-archive',
    load: () => import('./views/archive.js'),
    texts: ['archive', 'doctor'],
    roles: ['clinician', 'custodian'],
    shell: 'full',
    styles: ['doctor.css', 'archive.css'],
  },
  {
    path: '/archive/:id',
    tag: 'c-archive-record',
    load: () => import('./views/archive-record.js'),
    texts: ['archive', 'doctor', 'admin'],
    roles: ['clinician', 'custodian'],
    shell: 'full',
    styles: ['doctor.css', 'archive.css'],
  },
  {
    path: '/retention',
    tag: 'c-retention',
    load: () => import('./views/retention.js'),
    texts: ['archive', 'doctor'],
    roles: ['custodian'],
    shell: 'full',
    styles: ['doctor.css', 'archive.css'],
  },
  {
    path: '/custody',
    tag: 'c-custody',
    load: () => import('./views/custody.js'),
    texts: ['archive', 'doctor'],
    roles: ['custodian'],
    shell: 'full',
    styles: ['doctor.css', 'archive.css'],
  },
  {
    path: '/admin/:section?',
    tag: 'c-admin',
    load: () => import('./views/admin.js'),
    texts: ['admin', 'doctor'],
    roles: ['administrator'],
    shell: 'full',
    styles: ['doctor.css', 'admin.css'],
  },
];

/** The first page after signing in, by role. @param {string | undefined} role */
export function firstPage(role) {
  if (role === 'clinician') return '/dashboard';
  if (role === 'custodian') return '/archive';
  if (role === 'administrator') return '/admin';
  if (role === 'patient') return '/home';
  return '/sign-in';
}

/** What stands in the header, by role. @param {string | undefined} role @returns {{ path: string, text: string, icon: string }[]} */
export function navigation(role) {
  const items = [
    { path: '/dashboard', text: 'core.nav_today', icon: 'calendar', roles: ['clinician'] },
    { path: '/patients', text: 'core.nav_patients', icon: 'people', roles: ['clinician'] },
    { path: '/archive', text: 'core.nav_archive', icon: 'archive', roles: ['clinician', 'custodian'] },
    { path: '/admin', text: 'core.nav_admin', icon: 'settings', roles: ['administrator'] },
  ];
  return STAFF.includes(role ?? '') ? items.filter((item) => item.roles.includes(role ?? '')) : [];
}

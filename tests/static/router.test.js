import assert from 'node:assert/strict';
import test from 'node:test';
import { placeOf } from '../../static/router.js';
import { firstPage, navigation, routes } from '../../static/routes.js';

test('one address leads each role to its own page', () => {
  assert.equal(placeOf(routes, 'clinician', '/visit/con_1').route?.tag, 'c-doctor-visit');
  assert.equal(placeOf(routes, 'patient', '/visit/con_1').route?.tag, 'c-visit');
  assert.equal(placeOf(routes, 'guest', '/visit/con_1').params.id, 'con_1');
});

test('a page of somebody else is closed, an invented one is not there', () => {
  assert.deepEqual(
    [placeOf(routes, 'patient', '/dashboard').route, placeOf(routes, 'patient', '/dashboard').closed],
    [null, true],
  );
  assert.deepEqual(
    [placeOf(routes, 'patient', '/nowhere').route, placeOf(routes, 'patient', '/nowhere').closed],
    [null, false],
  );
});

test('the link page is open to everybody, with and without an id', () => {
  assert.equal(placeOf(routes, undefined, '/join').route?.tag, 'c-join');
  assert.equal(placeOf(routes, undefined, '/join/con_1').params.id, 'con_1');
});

test('parts of an address are decoded, and a broken one harms nobody', () => {
  assert.equal(placeOf(routes, 'clinician', '/visit/a%20b').params.id, 'a b');
  assert.equal(placeOf(routes, 'clinician', '/visit/%E0%A4%A').params.id, '%E0%A4%A');
});

test('everybody who signs in has a first page, open to them, and navigation leads only to open pages', () => {
  for (const role of ['patient', 'clinician', 'custodian', 'administrator']) {
    assert.ok(placeOf(routes, role, firstPage(role)).route, role);
    for (const { path } of navigation(role)) assert.ok(placeOf(routes, role, path).route, `${role} ${path}`);
  }
});

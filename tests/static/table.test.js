// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import { csv, pressed, sorted } from '../../static/state/table.js';

test('a second press on a column turns the order round', () => {
  const once = pressed({ column: 'date', descending: true }, 'name');
  assert.deepEqual(once, { column: 'name', descending: false });
  assert.deepEqual(pressed(once, 'name'), { column: 'name', descending: true });
});

test('names are ordered as their readers expect and the given array is untouched', () => {
  const rows = [{ name: '王芳' }, { name: '李娜' }, { name: '陈静' }];
  const keys = { name: (/** @type {{ name: string }} */ row) => row.name };
  assert.deepEqual(
    sorted(rows, { column: 'name', descending: false }, keys, 'zh-CN').map((row) => row.name),
    ['陈静', '李娜', '王芳'],
  );
  assert.equal(rows[0].name, '王芳');
});

test('a spreadsheet file quotes what needs quoting and runs no formula', () => {
  assert.equal(
    csv(
      ['a', 'b'],
      [
        ['x, "y"', '=1+1'],
        [null, -3],
      ],
    ),
    '\ufeffa,b\r\n"x, ""y""",\'=1+1\r\n,-3\r\n',
  );
});

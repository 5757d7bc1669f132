// Lets node resolve what pages import by name, as the import map in index.html says; for modules under test.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = path.resolve(import.meta.dirname, '../..');
const page = readFileSync(path.join(ROOT, 'static', 'index.html'), 'utf8');
const { imports } = JSON.parse(/<script type="importmap">([^<]*)<\/script>/.exec(page)?.[1] ?? '{"imports":{}}');

registerHooks({
  resolve(specifier, context, next) {
    const mapped = imports[specifier];
    return next(mapped ? pathToFileURL(path.join(ROOT, mapped)).href : specifier, context);
  },
});

/** Plugins of esbuild that split the program into files, so that little is loaded at once. */
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Leaves lazy imports to the files that hold them; `rest` holds those of the core. */
export const lazyFiles = (entries, rest) => ({
  name: 'lazy-files',
  setup(plugin) {
    plugin.onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const file = entries.get(relative(root, join(resolveDir, path)));
      if (file !== undefined) return { path: `./${file}.js`, external: true };
      return rest && { path: `./${rest}`, external: true };
    });
  },
});

/** Takes modules from a file that has them and is loaded already. */
export const takenFrom = (file, modules) => ({
  name: 'taken-from',
  setup(plugin) {
    plugin.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const module = relative(root, join(resolveDir, path));
      return modules.includes(module) ? { path: module, namespace: 'taken' } : undefined;
    });
    plugin.onResolve({ filter: /^the-file$/ }, ({ path }) => ({ path, namespace: 'the-file' }));
    plugin.onResolve({ filter: /^\.\/\w+\.cjs$/ }, ({ path }) => ({ path, external: true }));
    plugin.onLoad({ filter: /./, namespace: 'the-file' }, () => ({
      contents:
        plugin.initialOptions.format === 'cjs'
          ? `module.exports = require('./${file}');`
          : `const { createRequire } = process.getBuiltinModule('node:module');
            export const { modules } = createRequire(import.meta.url)('./${file}');`,
    }));
    plugin.onLoad({ filter: /./, namespace: 'taken' }, ({ path }) => ({
      contents: `module.exports = require('the-file').modules[${JSON.stringify(path)}];`,
    }));
  },
});

/**
 * Leaves out what libraries load at once although nothing here uses it: in commander, the module of Node for commands
 * that are programs of their own; in chalk, the code that finds out how many colours there are, which `capabilities` does.
 */
export const unused = {
  name: 'unused',
  setup(plugin) {
    plugin.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: join(root, 'scripts', 'lib', 'empty.mjs') } : undefined,
    );
    plugin.onLoad({ filter: /\/chalk\/source\/vendor\/supports-color\/index\.js$/ }, () => ({
      contents: 'export default { stdout: false, stderr: false };',
    }));
  },
};

/** Libraries that the core imports and seldom calls; each exports one function or class. They are set up at the first call. */
const LATE_LIBRARIES = { chalk: 'Chalk', 'fast-string-width': 'default' };

export const lateLibraries = {
  name: 'late-libraries',
  setup(plugin) {
    plugin.onResolve({ filter: /^(chalk|fast-string-width)$/ }, ({ path, pluginData }) =>
      pluginData === 'itself' ? undefined : { path, namespace: 'late-library' },
    );
    plugin.onResolve({ filter: /^itself:/ }, ({ path }) =>
      plugin.resolve(path.slice(7), { kind: 'import-statement', resolveDir: root, pluginData: 'itself' }),
    );
    plugin.onLoad({ filter: /./, namespace: 'late-library' }, ({ path }) => {
      const name = LATE_LIBRARIES[path];
      const call = name === 'Chalk' ? 'return new library(...values);' : 'return library(...values);';
      return {
        contents: `let library;
          function later(...values) { library ??= require('itself:${path}').${name}; ${call} }
          export { later as ${name} };`,
      };
    });
  },
};

/** Modules of Node whose exports are plain functions, so that an object that inherits from them can take their place. */
const inheritable = ['fs', 'path', 'url', 'util'];

/** Modules of Node that it does not load when it starts, and that most commands do not use. */
const late = ['child_process', 'crypto', 'fs/promises', 'http', 'https', 'net', 'os', 'readline', 'tls', 'tty', 'zlib'];

/**
 * Takes Node's own modules without Node's ES module wrapping, which reads every export of a module: of `fs` that loads
 * streams and promises, of `process` the network and the terminal, 10 ms before the first line of ours runs. A bundled
 * module's exports are copied one by one, unless they are inherited. Late ones are loaded when something of them is
 * first asked for: `child_process` alone takes 5 ms.
 */
export const plainBuiltins = {
  name: 'plain-builtins',
  setup(plugin) {
    plugin.onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path)
        ? { path: path.replace(/^node:/, ''), namespace: 'plain-builtin' }
        : undefined,
    );
    plugin.onLoad({ filter: /./, namespace: 'plain-builtin' }, ({ path }) => {
      const builtin = `process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`;
      if (late.includes(path))
        return { contents: `module.exports = Object.create(new Proxy({}, { get: (_, name) => ${builtin}[name] }));` };
      return { contents: `module.exports = ${inheritable.includes(path) ? `Object.create(${builtin})` : builtin};` };
    });
  },
};

/** Most texts whose results are kept; beyond that all are forgotten at once. */
const MOST_KEPT = 500;

/** A function of a text, and the same with its results kept. */
const remembering = (named) => `(() => {
  const known = new Map();
  return (text, ...more) => {
    if (more.length > 0) return ${named}(text, ...more);
    let result = known.get(text);
    if (result === undefined) {
      if (known.size >= ${MOST_KEPT}) known.clear();
      result = ${named}(text);
      known.set(text, result);
    }
    return result;
  };
})()`;

/**
 * Lets Ink keep from frame to frame what it finds out about a text: its width, its cells, that it is harmless. As
 * published it finds it out anew for each line of each frame, also for lines that are as they were: of a sample in half
 * blocks that is most of what the dashboard computes (docs/decisions/0002-dashboard-in-ink.md). The functions have no
 * effect but their result, and Ink copies a cell before it changes it.
 */
export const inkRemembers = {
  name: 'ink-remembers',
  setup(plugin) {
    const filter = /^(widest-line|\.\/sanitize-ansi\.js|@alcalzone\/ansi-tokenize)$/;
    plugin.onResolve({ filter }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === 'itself' || !importer.includes('/node_modules/ink/build/')) return undefined;
      const itself = await plugin.resolve(path, { importer, resolveDir, kind, pluginData: 'itself' });
      return { path: itself.path, namespace: 'remembered' };
    });
    plugin.onLoad({ filter: /./, namespace: 'remembered' }, ({ path }) => {
      const from = JSON.stringify(path);
      return {
        resolveDir: root,
        contents: path.includes('/ansi-tokenize/')
          ? `import { styledCharsFromTokens as styled, tokenize as tokens } from ${from};
             export * from ${from};
             export const tokenize = ${remembering('tokens')};
             export const styledCharsFromTokens = ${remembering('styled')};`
          : `import itself from ${from}; export default ${remembering('itself')};`,
      };
    });
  },
};

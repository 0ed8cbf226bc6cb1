/**
 * The rules of docs/architecture.md over a map of files. Every function is pure and returns sentences about what breaks
 * a rule, so that a test can plant a breach in memory.
 */
import { posix } from 'node:path';
import ts from 'typescript';

/** Texts of files, by their path from the repository's root. */
export type Tree = ReadonlyMap<string, string>;

export interface Room {
  /** Folder below src/. */
  readonly name: string;
  /** Names of rooms that may be imported; each covers the rooms below it. */
  readonly imports: readonly string[];
  /** Names of packages, and `streams`. */
  readonly uses: readonly string[];
}

export const MOST_FILES = 20;
const MAINS = ['src/cli/main.ts', 'src/engine/supervisor/supervisor-main.ts'];
/** Modules of Node that only some rooms may use; all rooms may use the others. */
const GOVERNED = ['node:child_process', 'node:worker_threads'];

/** The rows of the first table below a heading. */
export function readRooms(page: string, heading: string): Room[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n').filter((line) => /^\| `/.test(line));
  const words = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
  return rows.map((row) => {
    const [, name, , imports, uses] = row.split('|');
    return { name: words(name)[0] ?? '', imports: words(imports), uses: words(uses) };
  });
}

/** The folder below src/ that a file lies in. */
export const roomOf = (file: string): string => posix.dirname(file).replace(/^src\/?/, '');

/** Computes each answer once per file and text: the rules look at all of src/ again for every planted breach. */
function once<T>(make: (file: string, text: string) => T): (file: string, text: string) => T {
  const known = new Map<string, T>();
  return (file, text) => {
    const key = `${file}\n${text}`;
    const answer = known.get(key) ?? make(file, text);
    known.set(key, answer);
    return answer;
  };
}

/** Everything that a file imports, types and lazy imports included: paths from the root, or names of packages. */
export const importsOf = once((file, text) =>
  ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
    if (fileName.startsWith('.')) return posix.join(posix.dirname(file), fileName);
    if (fileName.startsWith('node:')) return fileName;
    return fileName
      .split('/')
      .slice(0, fileName.startsWith('@') ? 2 : 1)
      .join('/');
  }),
);

/** Finds imports that the table does not allow, and folders that are no room. */
export function arrowsUp(tree: Tree, rooms: readonly Room[]): string[] {
  const order = new Map(rooms.map((room, index) => [room.name, { room, index }]));
  const below = (name: string, prefix: string) => name === prefix || name.startsWith(`${prefix}/`);
  return [...tree].flatMap(([file, text]) => {
    const from = order.get(roomOf(file));
    if (from === undefined) return [`${file} lies in a folder that is no room`];
    return importsOf(file, text)
      .filter((target) => target.startsWith('src/'))
      .filter((target) => {
        const to = order.get(roomOf(target));
        if (to === undefined || to.index === from.index) return to === undefined;
        return to.index > from.index || !from.room.imports.some((prefix) => below(to.room.name, prefix));
      })
      .map((target) => `${file} may not import ${target}`);
  });
}

/** Finds names in the table that stand for no room before their row. */
export function deadNames(rooms: readonly Room[]): string[] {
  return rooms.flatMap(({ name, imports }, index) =>
    imports
      .filter(
        (prefix) => !rooms.slice(0, index).some((room) => room.name === prefix || room.name.startsWith(`${prefix}/`)),
      )
      .map((prefix) => `${name}: there is no room ${prefix} before it`),
  );
}

/** Finds files that import one another in a circle, types included. */
export function circles(tree: Tree): string[] {
  const edges = new Map(
    [...tree].map(([file, text]) => [file, importsOf(file, text).filter((target) => tree.has(target))]),
  );
  const found: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      found.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
      return;
    }
    state.set(file, 'open');
    for (const target of edges.get(file) ?? []) visit(target, [...trail, file]);
    state.set(file, 'done');
  };
  for (const file of tree.keys()) visit(file, []);
  return found;
}

/** Finds files outside of the rooms, and rooms that hold too many files. */
export function looseAndCrowded(tree: Tree): string[] {
  const counts = new Map<string, number>();
  for (const file of tree.keys()) counts.set(roomOf(file), (counts.get(roomOf(file)) ?? 0) + 1);
  const loose = [...tree.keys()].filter(
    (file) => ['', 'engine', 'registry', 'cli'].includes(roomOf(file)) && posix.basename(file) !== 'main.ts',
  );
  return [
    ...loose.map((file) => `${file} lies loose: it belongs into a room`),
    ...[...counts].filter(([, count]) => count > MOST_FILES).map(([room, count]) => `${room} holds ${count} files`),
  ];
}

/** Finds packages and streams that are used in rooms whose row does not name them. */
export function strangers(tree: Tree, rooms: readonly Room[]): string[] {
  return [...tree].flatMap(([file, text]) => {
    const uses = rooms.find(({ name }) => name === roomOf(file))?.uses ?? [];
    const packages = importsOf(file, text).filter(
      (target) => !target.startsWith('src/') && (!target.startsWith('node:') || GOVERNED.includes(target)),
    );
    const streams = codeOf(text).match(
      /\bprocess\.(stdin|stdout|stderr)\b|\bconsole\.\w+\(|\bstd(in|out|err)\b.*\} = process\b/,
    );
    return [
      ...new Set(packages.filter((name) => !uses.includes(name)).map((name) => `${file} may not use ${name}`)),
      ...(streams !== null && !uses.includes('streams') ? [`${file} may not use ${streams[0]}`] : []),
      ...(/\bprocess\.env\b/.test(codeOf(text)) && !MAINS.includes(file) ? [`${file} may not read process.env`] : []),
    ];
  });
}

/** The code of a file without its comments and without quoted text. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<![:\\])\/\/.*|'(?:[^'\\\n]|\\.)*'/g, '');
}

const exportsOf = once((file, text): string[] => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    const marks = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    if (!marks?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
    const { name } = statement as ts.DeclarationStatement;
    return name !== undefined && ts.isIdentifier(name) ? [name.text] : [];
  });
});

/** Finds names that several files export, so that a reader has to ask which one is meant. */
export function doubleNames(tree: Tree): string[] {
  const owners = new Map<string, string[]>();
  for (const [file, text] of tree) {
    // Overloads declare one name several times, so the names of a file form a set.
    for (const name of new Set(exportsOf(file, text))) {
      if (name === 'run' && file.startsWith('src/cli/commands/')) continue;
      owners.set(name, [...(owners.get(name) ?? []), file]);
    }
  }
  return [...owners].filter(([, files]) => files.length > 1).map(([name, files]) => `${name}: ${files.join(', ')}`);
}

/** Modules with more lines than `most`, each with its number of lines. */
export function tooLong(tree: Tree, most: number): string[] {
  return [...tree]
    .map(([file, text]) => [file, text.trimEnd().split('\n').length] as const)
    .filter(([, lines]) => lines > most)
    .map(([file, lines]) => `${file} has ${lines} lines`);
}

/**
 * Lists all files below a folder in one fixed order, whatever the order of the file system. It follows links, but
 * never in circles, and says which of them lead out of the folder. Folders that cannot be entered are reported and
 * never end the walk.
 */
import { type Dirent, readdirSync, realpathSync } from 'node:fs';
import { readProblem } from '../../base/files/fs-errors.ts';
import { statOf } from '../../base/files/stat.ts';
import { byCodePoint } from '../../base/text.ts';

export interface Folder {
  /** Path relative to the root, with forward slashes; empty for the root itself. */
  readonly path: string;
  /** Names of plain files (and of links to them), without hidden ones. */
  readonly files: readonly string[];
  /** Names among `files` that are links to files outside of the root. */
  readonly outside: ReadonlySet<string>;
  /** Whether the folder itself was reached by a link that leads out of the root. */
  readonly isOutside: boolean;
}

export interface Walk {
  readonly folders: readonly Folder[];
  /** Relative paths that could not be entered or used, each with the reason. */
  readonly closed: readonly { readonly path: string; readonly problem: string }[];
  /** Links that lead out of the root; folders end with a slash. */
  readonly outside: readonly string[];
  /**
   * Folders that were not entered because they hold nothing of the subject. Other kinds are recognised by the files
   * beside them, in `aside.ts`.
   */
  readonly passed: readonly { readonly path: string; readonly kind: 'system' | 'run' | 'home' }[];
}

export interface WalkOptions {
  /** Our own folders (VISIONTRAIN_HOME), which are not entered when they lie inside the root. */
  readonly own?: readonly string[];
  /** Folders that are neither entered nor named. */
  readonly without?: readonly string[];
}

/** Names, in lower case, that unpackers, NAS boxes and systems leave behind. Their files only look like images. */
const SYSTEM = new Set([
  '__macosx',
  '@eadir',
  '@recycle',
  '@recently-snapshot',
  '#recycle',
  '#snapshot',
  '$recycle.bin',
  'recycler',
  'system volume information',
  'lost+found',
  'found.000',
]);

/** Whether a data set never uses a file of this name: it is hidden, or a system left it. */
export function isPassedOver(name: string): boolean {
  return name.startsWith('.') || SYSTEM.has(name.toLowerCase());
}

/**
 * Walks a folder.
 * @throws the file system's own error when the root cannot be read
 */
export function walkFolder(root: string, options: WalkOptions = {}): Walk {
  const own = (options.own ?? []).flatMap((path) => realOf(path) ?? []);
  const without = (options.without ?? []).flatMap((path) => realOf(path) ?? []);
  const walk = new Walker(root, realpathSync(root), { own: new Set(own), without: new Set(without) });
  walk.all();
  return walk;
}

interface Step {
  readonly path: string;
  readonly isOutside: boolean;
}

class Walker implements Walk {
  readonly folders: Folder[] = [];
  readonly closed: { path: string; problem: string }[] = [];
  readonly outside: string[] = [];
  readonly passed: Walk['passed'][number][] = [];
  readonly #root: string;
  readonly #real: string;
  readonly #own: ReadonlySet<string>;
  readonly #without: ReadonlySet<string>;
  readonly #visited = new Set<string>();
  /**
   * Links are followed after all plain folders. So when a folder can be reached in two ways, the result does not
   * depend on the file system.
   */
  readonly #links: Step[] = [];

  constructor(root: string, real: string, { own, without }: Record<'own' | 'without', ReadonlySet<string>>) {
    this.#root = root;
    this.#real = real;
    this.#own = own;
    this.#without = without;
  }

  all(): void {
    const queue: Step[] = [{ path: '', isOutside: false }];
    for (;;) {
      const step = queue.pop() ?? this.#nextLink();
      if (step === undefined) return;
      queue.push(...this.#enter(step));
    }
  }

  #nextLink(): Step | undefined {
    this.#links.sort((a, b) => byCodePoint(b.path, a.path));
    return this.#links.pop();
  }

  #enter({ path, isOutside }: Step): Step[] {
    const full = path === '' ? this.#root : `${this.#root}/${path}`;
    let entries: Dirent[];
    try {
      const real = realpathSync(full);
      if (this.#visited.has(real)) return [];
      this.#visited.add(real);
      if (path !== '' && this.#without.has(real)) return [];
      if (path !== '' && this.#own.has(real)) {
        this.passed.push({ path, kind: 'home' });
        return [];
      }
      entries = readdirSync(full, { withFileTypes: true });
    } catch (error) {
      if (path === '') throw error;
      this.closed.push({ path, problem: closedProblem(error) });
      return [];
    }
    if (path !== '' && isRun(entries)) {
      this.passed.push({ path, kind: 'run' });
      return [];
    }
    return this.#sort(path, entries, isOutside);
  }

  #sort(path: string, entries: readonly Dirent[], isOutside: boolean): Step[] {
    const files: string[] = [];
    const outside = new Set<string>();
    const below: Step[] = [];
    const prefix = path === '' ? '' : `${path}/`;
    for (const entry of entries) {
      const { name } = entry;
      if (isPassedOver(name)) {
        if (entry.isDirectory()) this.passed.push({ path: prefix + name, kind: 'system' });
      } else if (entry.isFile()) files.push(name);
      else if (entry.isDirectory()) below.push({ path: prefix + name, isOutside });
      else if (!entry.isSymbolicLink()) this.closed.push({ path: prefix + name, problem: 'is a pipe or a device' });
      else {
        const leads = this.#link(prefix + name, isOutside);
        if (leads !== undefined) files.push(name);
        if (leads === 'out') outside.add(name);
      }
    }
    this.folders.push({ path, files, outside, isOutside });
    return below;
  }

  /**
   * Follows a link; if it leads to a folder, that is entered later.
   * @returns for a plain file, whether it lies inside the root; undefined for anything else
   */
  #link(path: string, isOutside: boolean): 'in' | 'out' | undefined {
    const full = `${this.#root}/${path}`;
    const target = statOf(full);
    const real = target === undefined ? undefined : realOf(full);
    if (target === undefined || real === undefined) {
      this.closed.push({ path, problem: 'is a link that leads nowhere' });
      return undefined;
    }
    const leadsOut = real !== this.#real && !real.startsWith(this.#real === '/' ? '/' : `${this.#real}/`);
    if (target.isDirectory()) {
      if (leadsOut) this.outside.push(`${path}/`);
      this.#links.push({ path, isOutside: isOutside || leadsOut });
      return undefined;
    }
    if (!target.isFile()) {
      this.closed.push({ path, problem: 'is a link to a pipe or a device' });
      return undefined;
    }
    if (leadsOut) this.outside.push(path);
    return leadsOut ? 'out' : 'in';
  }
}

/** Whether a folder is a run folder: it has these two entries, and its images are samples of the run. */
const isRun = (entries: readonly Dirent[]) =>
  ['plan.json', 'events.jsonl'].every((name) => entries.some((entry) => entry.name === name));

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function closedProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'is gone';
  if (code === 'ENAMETOOLONG') return 'lies too deep to be opened';
  return readProblem(error, 'opened');
}

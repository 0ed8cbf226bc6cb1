/**
 * The scene in which the errors of the golden texts happen: a home with runs, a working folder, and programs that
 * stand in for those of the system. Texts that differ between machines are replaced in the errors before these are
 * printed.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError, type VisiontrainError } from '../../../src/base/errors.ts';
import { packageRoot } from '../../../src/base/package-root.ts';
import { places } from '../../../src/base/paths.ts';
import { commands } from '../../../src/cli/commands/table.ts';
import { buildProgram, type CommandAction } from '../../../src/cli/parse/program.ts';
import type { Context } from '../../../src/cli/shell/context.ts';
import type { Output } from '../../../src/cli/shell/output.ts';
import { initialState, type RunState } from '../../../src/engine/events/run-state.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { trainerOutcome } from '../../../src/engine/supervisor/outcome.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import type { Registry } from '../../../src/registry/catalogue/schema.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { capabilities } from '../../../src/terminal/capabilities.ts';
import { FixtureHome, fixturePlan } from '../fixture-run.ts';

const nothing = (): void => {};
const silent: Output = {
  width: undefined,
  talkWidth: undefined,
  data: nothing,
  verbatim: nothing,
  talk: nothing,
  wrapped: nothing,
  aside: nothing,
  json: nothing,
  jsonLine: nothing,
  talkJson: nothing,
};

export class Scene {
  readonly home = new FixtureHome({ VISIONTRAIN_PYTHON: '', PYTHONPATH: '' });
  readonly work = join(this.home.dir, 'work');
  readonly #bin = join(this.home.dir, 'bin');
  readonly #before = process.cwd();
  readonly #hidden = new Map<string, string>();

  constructor() {
    mkdirSync(this.work, { recursive: true });
    mkdirSync(this.#bin);
    process.chdir(this.work);
  }

  /**
   * The environment without the variables of the person who runs the tests, and with no programs but those of
   * `program`.
   */
  get env(): NodeJS.ProcessEnv {
    return { HOME: this.work, VISIONTRAIN_HOME: this.home.dir, PATH: this.#bin, LANG: 'C.UTF-8' };
  }

  get places() {
    return places(this.env);
  }

  get registry(): Registry {
    return loadRegistry({ configDir: this.places.config });
  }

  /** A whole run.yaml with these values. */
  readonly spec = (values: Readonly<Record<string, unknown>> = {}): RunSpec => {
    const few = { name: 'fox', dataset: { path: this.work, goal: 'character' }, model: { base: 'tiny' } };
    return fillSpec({ ...few, ...values }, this.registry).spec;
  };

  /** Writes a small run.yaml into the working folder; returns its text. */
  runYaml(more = '', name = 'run.yaml'): string {
    return this.file(
      name,
      `version: 1\nname: fox\ndataset:\n  path: ${this.folder('foxes')}\nmodel:\n  base: tiny\n${more}`,
    );
  }

  context(env: NodeJS.ProcessEnv = {}): Context {
    const flags = { json: false, plain: true, noInput: true, yes: false, debug: false };
    const terminal = capabilities({ env: {}, stdin: {}, stdout: {}, ...flags });
    return { out: silent, env: { ...this.env, ...env }, places: this.places, flags, terminal };
  }

  /** Runs a command in this process, as it is typed. */
  async type(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const action: CommandAction = async (entry, args, options) => {
      const { run } = await entry.load();
      const context = this.context(env);
      const flags = { ...context.flags, yes: options.yes === true, noInput: options.input === false };
      await run(args, options, { ...context, flags });
    };
    await buildProgram({ entries: commands, action, out: silent }).parseAsync(words, { from: 'user' });
  }

  /** Writes a file into the working folder; returns its path. */
  readonly file = (name: string, content: string | Uint8Array = ''): string => {
    const path = join(this.work, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };

  folder(name: string): string {
    const path = join(this.work, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Puts a shell script on the PATH. */
  program(name: string, script: string): void {
    const path = join(this.#bin, name);
    writeFileSync(path, `#!/bin/sh\nexport PATH=/usr/bin:/bin\n${script}\n`);
    chmodSync(path, 0o755);
  }

  /** Has `text` shown as `instead`: the address of a server of this test, or a number that changes. */
  hide(text: string, instead: string): void {
    this.#hidden.set(text, instead);
  }

  /** The error with the paths that a person would see. */
  shown(error: VisiontrainError): VisiontrainError {
    const pairs = [
      ...this.#hidden,
      [this.work, '/home/me'],
      [this.home.dir, '/home/me/.local/share/visiontrain'],
      [packageRoot(), '/usr/lib/node_modules/visiontrain'],
    ] as const;
    const told = (text: string) =>
      pairs
        .reduce((all, [from, to]) => all.replaceAll(from, to), text)
        .replaceAll(/\/[\w/.-]*\/visiontrain-captions-\w+/gu, '/tmp/visiontrain-captions-x');
    const { message, details, nextSteps } = error;
    const words = { message: told(message), details: details.map(told), nextSteps: nextSteps.map(told) };
    const problems =
      error instanceof ConfigError
        ? { problems: error.problems.map((each) => ({ ...each, file: told(each.file), message: told(each.message) })) }
        : {};
    return Object.assign(error, words, problems);
  }

  async remove(): Promise<void> {
    process.chdir(this.#before);
    await this.home.remove();
  }
}

/** Makes an error happen in the scene: throws it, or returns it. A run that fails writes it into its exit.json. */
export type Sample = (scene: Scene) => unknown;

export async function caught(sample: Sample, scene: Scene): Promise<unknown> {
  try {
    return await sample(scene);
  } catch (error) {
    return error;
  }
}

interface TrainerEnded {
  /** The error that the trainer reported before it ended. */
  readonly result?: RunState['result'];
  readonly code?: number;
  readonly signal?: NodeJS.Signals;
  readonly outOfMemory?: boolean;
}

/** The end of a run whose trainer ended with this error at step 992, after it had printed a line. */
export const crashed =
  ({ result, code, signal, outOfMemory = false }: TrainerEnded): Sample =>
  (scene) => {
    const dir = scene.folder('fox');
    scene.file('fox/trainer.log', 'Fatal Python error: Segmentation fault\n');
    const folder = { dir, path: () => dir, lost: () => false, close: () => undefined };
    return trainerOutcome({
      folder,
      end: { code: code ?? null, signal: signal ?? null, outOfMemory },
      state: { ...initialState, step: 992, ...(result === undefined ? {} : { result }) },
      ...{ stopAsked: false, killAsked: false, env: {}, plan: fixturePlan(dir, 1600, null) },
    });
  };

/** An error of the file system. */
export const failure = (code: string, path?: string): NodeJS.ErrnoException =>
  Object.assign(new Error(code), { code, ...(path === undefined ? {} : { path }) });

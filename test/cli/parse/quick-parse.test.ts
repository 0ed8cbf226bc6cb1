import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commands } from '../../../src/cli/commands/table.ts';
import { helpList } from '../../../src/cli/parse/help-list.ts';
import { buildProgram } from '../../../src/cli/parse/program.ts';
import { globalOptions } from '../../../src/cli/parse/program-words.ts';
import { quicklyParsed } from '../../../src/cli/parse/quick-parse.ts';

it('the list of commands is laid out as commander lays it out, at every width', async () => {
  for (let width = 20; width <= 200; width += width < 110 ? 1 : 9) {
    const lines: string[] = [];
    const program = buildProgram({ entries: commands, action: async () => {}, list: true });
    program.configureOutput({ getOutHelpWidth: () => width, writeOut: (text) => lines.push(text) });
    await program.parseAsync(['--help'], { from: 'user' }).catch(() => {});
    expect(helpList(commands, width), `${width} cells`).toBe(lines.join(''));
  }
});

/** What commander makes of the arguments; undefined when it refuses them or shows help. */
async function byCommander(words: readonly string[]) {
  let parsed: { args: readonly string[]; options: object } | undefined;
  const program = buildProgram({
    entries: commands,
    action: async (_entry, args, options) => {
      parsed = { args, options: { ...options } };
    },
  });
  for (const command of [program, ...program.commands])
    command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
  await program.parseAsync(words, { from: 'user' }).catch(() => {});
  return parsed;
}

const names = (flags: string) => flags.split(/[ ,]+/).filter((part) => part.startsWith('-'));
/** Arguments that a command may be given: its own options, the common options, values, and invalid ones. */
const wordsOf = (options: readonly (readonly [string, ...unknown[]])[]) =>
  fc.array(
    fc.oneof(
      fc.constantFrom(...[...options, ...globalOptions].flatMap(([flags]) => names(flags))),
      fc.constantFrom('a', 'fox', '', 'a=b', '7', 'é'),
      fc.constantFrom('--help', '-h', '--nothing', '-x', '--', '-', '-yx', '--workspace=a', '--json=', '-V', '-1'),
    ),
    { maxLength: 6 },
  );
const lines = fc
  .constantFrom(...commands)
  .chain((entry) => wordsOf(entry.options ?? []).map((words) => ({ entry, words })));

it('arguments that are parsed quickly mean what commander takes them for', async () => {
  let quick = 0;
  await fc.assert(
    fc.asyncProperty(lines, async ({ entry, words }) => {
      const parsed = quicklyParsed(entry, words);
      if (parsed === undefined) return;
      quick += 1;
      expect(parsed).toEqual(await byCommander([entry.name, ...words]));
    }),
    { numRuns: 1500 },
  );
  expect(quick).toBeGreaterThan(200);
});

it('the commands that people type most are parsed quickly', () => {
  const quick = (name: string, ...words: string[]) => {
    const entry = commands.find((each) => each.name === name);
    return entry && quicklyParsed(entry, words);
  };
  expect(quick('ps')?.args).toEqual([]);
  expect(quick('ps', '--json', '--workspace', 'runs')?.options).toMatchObject({ json: true, workspace: 'runs' });
  expect(quick('run', 'run.yaml', '--set', 'a=1', '--set', 'b=2')?.options).toMatchObject({ set: ['a=1', 'b=2'] });
  expect(quick('run', 'run.yaml', '--no-notify')?.options).toMatchObject({ notify: false, input: true });
});

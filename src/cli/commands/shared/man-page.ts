/** Makes the manual page, in mdoc, from the table of commands. Pure. */
import type { CommandEntry } from './command-entry.ts';

const GROUPS = ['Start', 'Runs', 'Assets', 'Help'] as const;

/** Options that every command takes. */
const EVERY: readonly (readonly [string, string])[] = [
  ['--json', 'machine-readable output on stdout'],
  ['--plain', 'plain lines: no colours, no cursor movement'],
  ['--no-input', 'never ask'],
  ['-y, --yes', 'take the default of every question'],
  ['--workspace <dir>', 'folder of the runs'],
  ['--debug', 'show details of errors'],
];

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'a bug of visiontrain'],
  ['2', 'the command line, or run.yaml, cannot be used'],
  ['3', 'the machine is not fit: Python, card, disk, rights'],
  ['4', 'something could not be fetched, or sent'],
  ['5', 'the training failed'],
  ['75', 'stopped on request; the run can go on'],
  ['130', 'left with Ctrl-C'],
  ['143', 'ended by SIGTERM or SIGHUP'],
];

const VARIABLES: readonly (readonly [string, string])[] = [
  ['VISIONTRAIN_HOME', 'folder of models, environments, cache and runs'],
  ['VISIONTRAIN_PYTHON', 'a Python of your own to train with'],
  ['HF_TOKEN, HF_HOME, HF_ENDPOINT', 'token, folder and address of the Hugging Face hub'],
  ['CIVITAI_TOKEN', 'token for Civitai'],
  ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'proxies'],
  ['NO_COLOR, ACCESSIBLE', 'no colours; questions in plain lines for screen readers'],
];

export function manPage(commands: readonly CommandEntry[]): string {
  const lines = [
    // The date is fixed: it would otherwise change without any change of the text.
    '.Dd November 30, 2026',
    '.Dt VISIONTRAIN 1',
    '.Os',
    '.Sh NAME',
    '.Nm visiontrain',
    '.Nd from a folder of pictures to a trained LoRA for Stable Diffusion',
    '.Sh SYNOPSIS',
    '.Nm visiontrain',
    '.Op Ar command',
    '.Op Ar options',
    '.Sh DESCRIPTION',
    'Without a command, or with',
    '.Cm new ,',
    'a wizard asks what is needed, writes',
    '.Pa run.yaml',
    'and starts the training.',
    '.Cm run',
    'trains the same again, to the same bytes.',
    'Every run is a folder, and goes on when the terminal is closed.',
  ];
  for (const group of GROUPS) {
    lines.push(`.Ss ${group}`, '.Bl -tag -width Ds');
    for (const entry of commands.filter((each) => each.group === group)) lines.push(...commandLines(entry));
    lines.push('.El');
  }
  return [
    ...lines,
    '.Ss Options of every command',
    ...list(EVERY.map(([flags, what]) => [flagWords(flags), what])),
    '.Sh ENVIRONMENT',
    ...list(VARIABLES.map(([name, what]) => [`.It Ev ${name.split(', ').join(' , Ev ')}`, what])),
    '.Sh EXIT STATUS',
    ...list(EXIT_CODES.map(([code, what]) => [`.It ${code}`, what])),
    '.Sh SEE ALSO',
    '.Cm visiontrain explain',
    'tells what each word of training, and each id of an error, means;',
    '.Cm visiontrain explain agents',
    'how a program drives it.',
    '',
  ].join('\n');
}

function commandLines({ name, args = '', summary, options = [], examples = [] }: CommandEntry): string[] {
  const words = args === '' ? '' : ` ${args.split(/\s+/u).map(argument).join(' ')}`;
  return [
    `.It Cm ${name}${words}`,
    sentence(summary),
    ...(options.length === 0 ? [] : list(options.map(([flags, what]) => [flagWords(flags), what]))),
    ...(examples.length === 0 ? [] : ['.Bd -literal -offset indent', ...examples.map(plain), '.Ed']),
  ];
}

const list = (items: readonly (readonly [string, string])[]): string[] => [
  '.Bl -tag -width Ds -compact',
  ...items.flatMap(([head, what]) => [head, sentence(what)]),
  '.El',
];

/** An argument in mdoc: `<run>` or `[file...]`. */
function argument(word: string): string {
  const name = word.replaceAll(/[<>[\].]/gu, '');
  const more = word.includes('...') ? ' ...' : '';
  return word.startsWith('[') ? `Oo Ar ${escaped(name)}${more} Oc` : `Ar ${escaped(name)}${more}`;
}

/** An option in mdoc, as the head of an item: `-o, --output <file>`. */
function flagWords(flags: string): string {
  const parts = flags.split(/,\s*|\s+/u).map((word) => {
    if (word.startsWith('--')) return `Fl -${escaped(word.slice(2))}`;
    if (word.startsWith('-')) return `Fl ${escaped(word.slice(1))} ,`;
    return argument(word);
  });
  return `.It ${parts.join(' ')}`;
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return plain(/[.!?]$/u.test(first) ? first : `${first}.`);
}

/** A line of text, escaped where it begins with a dot or a quote, which mdoc would read as a command. */
const plain = (text: string): string => escaped(text).replace(/^([.'])/u, '\\&$1');

const SIGNS: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '’': '\\(cq',
  '\u2013': '\\(en',
  '…': '...',
  '×': '\\(mu',
};
const escaped = (text: string): string =>
  text.replaceAll(/[\\’\u2013…×]/gu, (sign) => SIGNS[sign] ?? sign).replaceAll('-', '\\-');

/** Completion scripts for shells, made of the table of commands. Names of runs are read from their folder, without Node. */
import type { CommandEntry } from './shared/command-entry.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Actions of the commands that have some; a test compares them with what the commands take. */
export const actionsOf: Readonly<Record<string, readonly string[]>> = {
  models: ['list', 'info', 'pull', 'verify', 'add', 'rm', 'check'],
  dataset: ['check', 'caption', 'tags', 'mask'],
  preset: ['list', 'save', 'show', 'diff', 'rm'],
  queue: ['add', 'hold', 'list', 'move', 'release', 'remove', 'run'],
  lora: ['inspect', 'check', 'diff', 'edit', 'resize', 'merge', 'convert'],
  publish: ['hub', 'kit'],
  completion: shells,
};

const EVERY = ['--json', '--plain', '--no-input', '--yes', '--workspace', '--debug', '--help'];

interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly actions: readonly string[];
  readonly flags: readonly string[];
  /** Whether its arguments are names of runs. */
  readonly runs: boolean;
}

function completed(commands: readonly CommandEntry[]): readonly Completed[] {
  return commands.map(({ name, summary, args = '', options = [] }) => ({
    name,
    summary,
    actions: actionsOf[name] ?? [],
    flags: [...options.flatMap(([flag]) => flag.match(/--[\w-]+/gu) ?? []), ...EVERY],
    runs: /^<run/u.test(args),
  }));
}

export const completionScript = (shell: Shell, commands: readonly CommandEntry[]): string =>
  ({ bash, zsh, fish })[shell](completed(commands));

/** A text in single quotes, as every shell takes it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const RUNS = '"${VISIONTRAIN_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/visiontrain}/runs"';

function bash(all: readonly Completed[]): string {
  const cases = all.map(({ name, actions, flags, runs }) => {
    const words = runs ? '$(_visiontrain_runs)' : actions.join(' ');
    return `    ${name}) words="${words}"; flags="${flags.join(' ')}";;`;
  });
  return `# Completion of visiontrain for bash.
_visiontrain_runs() { command ls ${RUNS} 2>/dev/null; }
_visiontrain() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" flags=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${all.map(({ name }) => name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current"));;
    *) [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$current"));;
  esac
}
complete -o default -o bashdefault -F _visiontrain visiontrain
`;
}

function zsh(all: readonly Completed[]): string {
  const list = all.map(({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`);
  const cases = all.map(({ name, actions, flags, runs }) => {
    const words = runs ? '${(f)"$(command ls $runs 2>/dev/null)"}' : actions.join(' ');
    return `    ${name}) words_of=(${words}); flags_of=(${flags.join(' ')});;`;
  });
  return `#compdef visiontrain
# Completion of visiontrain for zsh.
_visiontrain() {
  local -a commands words_of flags_of
  local runs=${RUNS}
  commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "\${words[2]}" in
${cases.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- $flags_of
  elif (( CURRENT == 3 )) && (( $#words_of )); then
    compadd -- $words_of
  else
    _files
  fi
}
compdef _visiontrain visiontrain
`;
}

function fish(all: readonly Completed[]): string {
  const none = '__fish_use_subcommand';
  const lines = all.flatMap(({ name, summary, actions, flags, runs }) => {
    const seen = `'__fish_seen_subcommand_from ${name}'`;
    const words = runs ? '(__visiontrain_runs)' : actions.join(' ');
    return [
      `complete -c visiontrain -n ${none} -f -a ${name} -d ${quoted(summary)}`,
      ...(words === '' ? [] : [`complete -c visiontrain -n ${seen} -f -a '${words}'`]),
      ...flags.map((flag) => `complete -c visiontrain -n ${seen} -l ${flag.slice(2)}`),
    ];
  });
  return `# Completion of visiontrain for fish.
function __visiontrain_runs
  set -l home $VISIONTRAIN_HOME
  test -n "$home"; or set home (test -n "$XDG_DATA_HOME"; and echo $XDG_DATA_HOME; or echo $HOME/.local/share)/visiontrain
  command ls $home/runs 2>/dev/null
end
${lines.join('\n')}
`;
}

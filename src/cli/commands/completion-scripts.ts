/**
 * Makes completion scripts for shells from the table of commands. The scripts read names of runs and presets from
 * their folders, without starting Node.
 */
import { specKeys } from '../../spec/keys.ts';
import type { CommandEntry } from './shared/command-entry.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Actions of the commands that have any; a test compares them with the commands themselves. */
export const actionsOf: Readonly<Record<string, readonly string[]>> = {
  models: ['list', 'info', 'pull', 'verify', 'add', 'rm', 'check'],
  dataset: ['check', 'caption', 'tags', 'mask'],
  preset: ['list', 'save', 'show', 'diff', 'rm'],
  queue: ['add', 'hold', 'list', 'move', 'release', 'remove', 'run'],
  lora: ['inspect', 'check', 'diff', 'edit', 'resize', 'merge', 'convert'],
  publish: ['hub', 'kit'],
  hosts: ['add', 'list', 'check', 'remove'],
  completion: shells,
};

/** Kinds of words that can be completed, apart from files. */
type Kind = 'run' | 'preset' | 'base' | 'lora' | 'key';

/**
 * The kinds of the words after a command: of the first and of the others. When actions come first, only the others
 * count.
 */
const wordsOf: Readonly<Record<string, readonly [first: Kind | '', others: Kind | '']>> = {
  ...Object.fromEntries(['status', 'attach', 'logs', 'stop', 'resume', 'verify'].map((name) => [name, ['run', '']])),
  ...Object.fromEntries(['judge', 'sample', 'export', 'report'].map((name) => [name, ['run', '']])),
  compare: ['run', 'run'],
  publish: ['', 'run'],
  queue: ['', 'run'],
  preset: ['', 'preset'],
  models: ['', 'base'],
  lora: ['', 'lora'],
  explain: ['key', ''],
};

/** The kind of the value after a flag. */
const valuesOf: Readonly<Record<string, Kind>> = {
  '--preset': 'preset',
  '--base': 'base',
  '--into': 'base',
  '--like': 'base',
  '--for': 'base',
  '--lora': 'lora',
  '--after': 'run',
  '--set': 'key',
  '--sweep': 'key',
};

const EVERY = ['--json', '--plain', '--no-input', '--yes', '--workspace', '--debug', '--help'];

interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly actions: readonly string[];
  readonly flags: readonly string[];
  readonly first: Kind | '';
  readonly others: Kind | '';
}

interface Script {
  readonly all: readonly Completed[];
  /** Flags with a value. */
  readonly valued: readonly string[];
  /** Ids of the base models in the package. */
  readonly bases: readonly string[];
  /** Dotted keys of run.yaml. */
  readonly keys: readonly string[];
}

export function completionScript(shell: Shell, commands: readonly CommandEntry[], bases: readonly string[]): string {
  const all = commands.map(({ name, summary, options = [] }): Completed => {
    const [first, others] = wordsOf[name] ?? ['', ''];
    const flags = [...options.flatMap(([flag]) => flag.match(/--[\w-]+/gu) ?? []), ...EVERY];
    return { name, summary, actions: actionsOf[name] ?? [], flags, first, others };
  });
  const valued = commands.flatMap(({ options = [] }) =>
    options.flatMap(([flag]) => (flag.includes('<') ? (flag.match(/-[\w-]+/gu) ?? []) : [])),
  );
  const keys = specKeys.map(({ key }) => key);
  return { bash, zsh, fish }[shell]({ all, valued: [...new Set([...valued, '--workspace'])], bases, keys });
}

/** A text in single quotes, which every shell understands. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const RUNS = '"${VISIONTRAIN_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/visiontrain}/runs"';
const PRESETS =
  '"$(if [ -n "$VISIONTRAIN_HOME" ]; then echo "$VISIONTRAIN_HOME/config"; else echo "${XDG_CONFIG_HOME:-$HOME/.config}/visiontrain"; fi)/presets"';

/** Functions that bash and zsh share: names of runs and presets, and which words of the line are no flags. */
const shared = ({ valued }: Script, prefix: string): string => `${prefix}_runs() { command ls ${RUNS} 2>/dev/null; }
${prefix}_presets() { command ls ${PRESETS} 2>/dev/null | command sed -n 's/\\.yaml$//p'; }
${prefix}_place() {
  local word skip=
  place=0
  for word in "$@"; do
    if [ -n "$skip" ]; then skip=; continue; fi
    case " ${valued.join(' ')} " in *" $word "*) skip=1; continue;; esac
    case "$word" in -*) ;; *) place=$((place + 1)); [ "$place" -eq 1 ] && command_of=$word;; esac
  done
}`;

const kindOf = (): string =>
  Object.entries(valuesOf)
    .map(([flag, kind]) => `    ${flag}) kind=${kind};;`)
    .join('\n');

const casesOf = ({ all }: Script): string =>
  all
    .map(({ name, actions, flags, first, others }) => {
      const words = actions.length > 0 ? `actions="${actions.join(' ')}"; ` : '';
      return `    ${name}) ${words}first=${first}; others=${others}; flags="${flags.join(' ')}";;`;
    })
    .join('\n');

const bash = (script: Script): string => `# Completion of visiontrain for bash.
${shared(script, '_visiontrain')}
_visiontrain_offer() {
  local IFS=$'\\n'
  case "$1" in
    run) COMPREPLY=($(compgen -W "$(_visiontrain_runs)" -- "$2"));;
    preset) COMPREPLY=($(compgen -W "$(_visiontrain_presets)" -- "$2"));;
    base) COMPREPLY=($(compgen -W $'${script.bases.join('\\n')}' -- "$2"));;
    key) COMPREPLY=($(compgen -W $'${script.keys.join('\\n')}' -- "$2"));;
    lora) compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -X '!*.safetensors' -- "$2") $(compgen -d -- "$2"));;
  esac
}
_visiontrain() {
  local current="\${COMP_WORDS[COMP_CWORD]}" actions="" first="" others="" flags="" kind="" place command_of=""
  COMPREPLY=()
  _visiontrain_place "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
${kindOf()}
  esac
  if [ -n "$kind" ]; then _visiontrain_offer "$kind" "$current"; return; fi
  if [ "$place" -eq 0 ]; then
    COMPREPLY=($(compgen -W "${script.all.map(({ name }) => name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "$command_of" in
${casesOf(script)}
  esac
  case "$current" in -*) COMPREPLY=($(compgen -W "$flags" -- "$current")); return;; esac
  if [ "$place" -gt 1 ]; then _visiontrain_offer "$others" "$current"
  elif [ -n "$actions" ]; then COMPREPLY=($(compgen -W "$actions" -- "$current"))
  else _visiontrain_offer "$first" "$current"; fi
}
complete -o default -o bashdefault -F _visiontrain visiontrain
`;

const zsh = (script: Script): string => `#compdef visiontrain
# Completion of visiontrain for zsh.
${shared(script, '_visiontrain')}
_visiontrain_offer() {
  case "$1" in
    run) compadd -- \${(f)"$(_visiontrain_runs)"};;
    preset) compadd -- \${(f)"$(_visiontrain_presets)"};;
    base) compadd -- ${script.bases.join(' ')}; _files;;
    key) compadd -- ${script.keys.join(' ')};;
    lora) _files -g '*.safetensors';;
    *) _files;;
  esac
}
_visiontrain() {
  local -a commands
  local actions= first= others= flags= kind= place=0 command_of=
  commands=(
${script.all.map(({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  _visiontrain_place "\${(@)words[2,CURRENT-1]}"
  case "\${words[CURRENT-1]}" in
${kindOf()}
  esac
  if [[ -n "$kind" ]]; then _visiontrain_offer $kind; return; fi
  if (( place == 0 )); then _describe command commands; return; fi
  case "$command_of" in
${casesOf(script)}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then compadd -- \${=flags}
  elif (( place > 1 )); then _visiontrain_offer "$others"
  elif [[ -n "$actions" ]]; then compadd -- \${=actions}
  else _visiontrain_offer "$first"; fi
}
compdef _visiontrain visiontrain
`;

/** Commands with which fish lists the words of a kind; for `lora` it lists files by their ending. */
const FISH: Readonly<Record<Kind, string>> = {
  run: '(__visiontrain_runs)',
  preset: '(__visiontrain_presets)',
  base: '(__visiontrain_bases)',
  key: '(__visiontrain_keys)',
  lora: '(__fish_complete_suffix .safetensors)',
};

function fish({ all, valued, bases, keys }: Script): string {
  const lines = all.flatMap(({ name, summary, actions, flags, first, others }) => {
    const at = (place: string) => `-n '__visiontrain_at ${name} ${place}'`;
    const offer = (kind: Kind | '', place: string) =>
      kind === '' ? [] : [`complete -c visiontrain ${at(place)} -f -k -a '${FISH[kind]}'`];
    return [
      `complete -c visiontrain -n __visiontrain_none -f -a ${name} -d ${quoted(summary)}`,
      ...(actions.length > 0 ? [`complete -c visiontrain ${at('1')} -f -a '${actions.join(' ')}'`] : offer(first, '1')),
      ...offer(others, 'more'),
      ...flags.map((flag) => {
        const kind = valuesOf[flag];
        const value = kind !== undefined ? ` -x -k -a '${FISH[kind]}'` : valued.includes(flag) ? ' -r' : '';
        return `complete -c visiontrain -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}${value}`;
      }),
    ];
  });
  return `# Completion of visiontrain for fish.
function __visiontrain_runs
  set -l home $VISIONTRAIN_HOME
  test -n "$home"; or set home (test -n "$XDG_DATA_HOME"; and echo $XDG_DATA_HOME; or echo $HOME/.local/share)/visiontrain
  command ls $home/runs 2>/dev/null
end
function __visiontrain_presets
  set -l config (test -n "$XDG_CONFIG_HOME"; and echo $XDG_CONFIG_HOME; or echo $HOME/.config)/visiontrain
  test -n "$VISIONTRAIN_HOME"; and set config $VISIONTRAIN_HOME/config
  command ls $config/presets 2>/dev/null | string replace -rf '\\.yaml$' ''
end
function __visiontrain_bases
  printf '%s\\n' ${bases.join(' ')}
end
function __visiontrain_keys
  printf '%s\\n' ${keys.join(' ')}
end
function __visiontrain_words
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if contains -- $word ${valued.join(' ')}
      set skip 1
    else if not string match -q -- '-*' $word
      echo $word
    end
  end
end
function __visiontrain_none
  test (count (__visiontrain_words)) -eq 0
end
function __visiontrain_at
  set -l words (__visiontrain_words)
  test "$words[1]" = $argv[1]; or return 1
  test $argv[2] = more; and test (count $words) -gt 1; and return 0
  test $argv[2] = 1; and test (count $words) -eq 1
end
${lines.join('\n')}
`;
}

/** Makes a task of SkyPilot: a file that a person reads, changes and launches with their own `sky`. Pure. */
import { yamlValue } from '../../spec/write.ts';
import { quoted } from './script.ts';

export interface SkyTask {
  readonly name: string;
  readonly version: string;
  readonly nodes: number;
  /** Cards of each machine. */
  readonly cards: number;
  /** Files and folders that are copied to the machine: the path below `SKY_FOLDER`, and the absolute path here. */
  readonly mounts: readonly (readonly [string, string])[];
  /** Texts for `--set`, in which paths of copied files begin with `SKY_FOLDER`. */
  readonly overrides: readonly string[];
  /** Further arguments of `visiontrain run`. */
  readonly words: readonly string[];
}

/** Folder of copied files on the rented machine. The script there replaces `~HOME~` by the home folder. */
export const SKY_FOLDER = '~HOME~/visiontrain-in';

/** Kinds of cards with 24 GB or more that clouds rent out, the cheapest first. */
const CARDS = ['L4', 'A10G', 'RTX4090', 'L40S', 'A100'];

/** Folder of runs on the rented machine. */
const RUNS = '~/visiontrain-runs';

/** The program on the rented machine. Images of SkyPilot have a Python, and seldom a Node. */
const PROGRAM = '"$HOME/visiontrain-program/bin/visiontrain"';

const thereHome = (text: string) => quoted(text).replaceAll('~HOME~', `'"$HOME"'`);

export function skyTask({ name, version, nodes, cards, mounts, overrides, words }: SkyTask): string {
  const lines = [
    `# Trains ${name} on a machine that SkyPilot rents. Written by visiontrain ${version}.`,
    `#   sky launch -c ${name} --down FILE      one machine; --down gives it back when the run is over`,
    `#   rsync -a ${name}:visiontrain-runs/ .   brings the run home; do it before the machine goes`,
    `# On spot machines use "sky jobs launch FILE", with a volume or a bucket mounted at ${RUNS}: a job that was`,
    '# preempted then goes on from its last checkpoint, to the same bytes.',
    `name: ${yamlValue(name)}`,
    `num_nodes: ${nodes}`,
    'resources:',
    '  # One of these; sky takes the cheapest that it finds.',
    `  accelerators: {${CARDS.map((card) => `${card}: ${cards}`).join(', ')}}`,
    '  disk_size: 256',
    'file_mounts:',
    ...mounts.map(
      ([there, here]) => `  ${yamlValue(`${SKY_FOLDER.replace('~HOME~', '~')}/${there}`)}: ${yamlValue(here)}`,
    ),
    'setup: |',
    '  python3 -m venv "$HOME/visiontrain-program"',
    `  "$HOME/visiontrain-program/bin/pip" install --quiet visiontrain==${version}`,
    `  ${PROGRAM} setup --plain --no-input`,
    'run: |',
    ...runLines({ name, nodes, overrides, words }).map((line) => `  ${line}`),
    '',
  ];
  return lines.join('\n');
}

/**
 * Shell lines that resume the run if it exists already, and start it otherwise. Several machines meet at the first one
 * in SkyPilot's list.
 */
function runLines({ name, nodes, overrides, words }: Omit<SkyTask, 'version' | 'cards' | 'mounts'>): string[] {
  const common = ['--foreground', '--no-input', '--plain', '--workspace', '"$HOME/visiontrain-runs"'];
  const meet =
    nodes === 1
      ? []
      : ['--node "$SKYPILOT_NODE_RANK"', '--rendezvous "$(echo "$SKYPILOT_NODE_IPS" | head -n 1):29500"'];
  const settings = overrides.map((text) => `--set ${thereHome(text)}`);
  const begin = [PROGRAM, 'run', thereHome(`${SKY_FOLDER}/run.yaml`), '--name', quoted(name), ...settings, ...words];
  return [
    `if [ -e "$HOME/visiontrain-runs/${name}/plan.json" ]; then`,
    `  exec ${[PROGRAM, 'resume', quoted(name), ...meet, ...common].join(' ')}`,
    'fi',
    `exec ${[...begin, ...meet, ...common].join(' ')}`,
  ];
}

/** Errors of the command line, of settings and of run.yaml, each as it really comes. */
import { rmdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { commandErrors } from '../../../src/base/error-entries/command.ts';
import { CancelledError, TerminatedError } from '../../../src/base/errors.ts';
import { packageIncomplete, programProblem } from '../../../src/base/program-files.ts';
import { currentFolder } from '../../../src/cli/main.ts';
import { outputLost } from '../../../src/cli/shell/output.ts';
import { settleHooks } from '../../../src/engine/hooks/consent.ts';
import { enqueue } from '../../../src/engine/queue/entries.ts';
import { readSettings } from '../../../src/engine/settings/settings.ts';
import { hookFailed } from '../../../src/engine/supervisor/hooks-observer.ts';
import { requirePerson } from '../../../src/terminal/terminal.ts';
import { takeDefaults } from '../../../src/wizard/finish.ts';
import { kinds, safetensors } from '../safetensors.ts';
import { failure, type Sample, type Scene } from './scene.ts';
import type { TrainerId } from './trainer.ts';

const settings = ({ env, work, places }: Scene) =>
  readSettings({ flags: {}, env, projectDir: work, userDir: places.config });

const hooks = { on_start: [{ run: ['./mount-disk.sh', 'data'] }] };

export const commandSamples: Readonly<Record<Exclude<keyof typeof commandErrors, TrainerId>, Sample>> = {
  'bug/unexpected': () => new TypeError("Cannot read properties of undefined (reading 'steps')"),
  'command/cancelled': () => new CancelledError('Cancelled. Nothing was written.'),
  'command/terminated': () => new TerminatedError('Ended from outside.'),
  'command/wrong': (scene) => scene.type(['hosts', 'chek']),
  'command/wrong-value': (scene) => {
    scene.home.create(8, 'fox');
    return scene.type(['report', 'fox', '--serve', '--port', 'http']);
  },
  'command/nobody-to-ask': () => requirePerson({ ask: false } as never, ['visiontrain new FOLDER --yes']),
  'command/no-term': (scene) => scene.type(['explain', 'learning', 'raet']),
  'import/unreadable': (scene) => {
    scene.file('kohya.toml', 'pretrained_model_name_or_path = \n');
    return scene.type(['new', '--from', 'kohya.toml', '-o', 'new.yaml']);
  },
  'import/pictures': (scene) => {
    scene.file('kohya.toml', 'train_data_dir = "D:/sets/foxes"\nnetwork_dim = 16\nnetwork_module = "networks.lora"\n');
    return scene.type(['new', '--from', 'kohya.toml', '-o', 'new.yaml']);
  },
  'preset/none': (scene) => {
    scene.runYaml('training:\n  rank: 32\n');
    return scene.type(['preset', 'save', 'soft', 'run.yaml']).then(() => scene.type(['preset', 'show', 'sotf']));
  },
  'preset/name': (scene) => scene.type(['preset', 'save', '../soft', 'run.yaml']),
  'preset/exists': (scene) => scene.type(['preset', 'save', 'soft', 'run.yaml']),
  'preset/wrong': (scene) => {
    scene.file('../config/presets/hard.yaml', 'about: hard\nsettings:\n  training.rnak: 8\n');
    return scene.type(['preset', 'show', 'hard']);
  },
  'preset/empty': (scene) => {
    const base = scene.file('mix.safetensors', safetensors(kinds.sdxl));
    scene.file('plain.yaml', `version: 1\ndataset:\n  path: ${scene.folder('foxes')}\nmodel:\n  base: ${base}\n`);
    return scene.type(['preset', 'save', 'plain', 'plain.yaml']);
  },
  'preset/source': (scene) => scene.type(['preset', 'save', 'soft', 'rnu.yaml']),
  'import/other-work': (scene) => {
    scene.file(
      'slider.yaml',
      'job: extension\nconfig:\n  name: slider\n  process:\n    - type: concept_slider\n      network: {type: lora, linear: 8}\n      model: {name_or_path: sdxl}\n',
    );
    return scene.type(['new', '--from', 'slider.yaml', '-o', 'new.yaml']);
  },
  'import/base': (scene) => {
    const toml = `train_data_dir = "${scene.folder('foxes')}"\npretrained_model_name_or_path = "D:/models/myMix_v7.safetensors"\nnetwork_dim = 16\nnetwork_module = "networks.lora"\n`;
    scene.file('kohya.toml', toml);
    return scene.type(['new', '--from', 'kohya.toml', '-o', 'new.yaml']);
  },
  'command/folder-gone': (scene) => {
    const gone = scene.folder('gone');
    process.chdir(gone);
    rmdirSync(gone);
    try {
      return currentFolder();
    } finally {
      process.chdir(scene.work);
    }
  },
  'command/output': () => outputLost(failure('ENOSPC')),
  'queue/twice': ({ home }) => {
    home.create(8, 'otter');
    enqueue(home.runs, 'otter');
    return enqueue(home.runs, 'otter');
  },
  'queue/which': (scene) => scene.type(['queue', 'remove', 'badger']),
  'queue/sweep': (scene) => {
    scene.runYaml();
    return scene.type(['queue', 'add', 'run.yaml', '--sweep', 'training.rank']);
  },
  'queue/search': (scene) => scene.type(['queue', 'add', 'run.yaml', '--search', '8', '--on', 'gpu1']),
  'hooks/not-allowed': ({ spec, places }) => settleHooks(spec({ hooks }).hooks, places, false),
  'hooks/failed': () =>
    hookFailed('the hook on_start ended with 1, and it must not fail', '/home/me/.local/share/visiontrain/runs/fox'),
  'notify/lost': (scene) => {
    scene.file(
      '../config/.visiontrainrc.yaml',
      'notify:\n  web:\n    - format: discord\n      url_env: DISCORD_HOOK\n',
    );
    return scene.type(['notify', '--test']);
  },
  'wizard/answer': () =>
    takeDefaults({ text: 'Where are your pictures?' }, { initial: '', check: async () => 'There is no default.' }),
  'settings/unreadable': (scene) => {
    scene.file('.visiontrainrc.yaml', 'workspace: [\n');
    return settings(scene);
  },
  'settings/wrong': (scene) => {
    scene.file('.visiontrainrc.yaml', 'wrokspace: /data/runs\n');
    return settings(scene);
  },
  'spec/wrong': (scene) => {
    scene.runYaml('training:\n  rnak: 16\n  steps: 0\nresources:\n  precision: half\n');
    return scene.type(['run', 'run.yaml', '--dry-run']);
  },
  'spec/unreadable': (scene) => scene.type(['run', 'rnu.yaml', '--dry-run']),
  'spec/not-together': (scene) => {
    scene.folder('foxes');
    return scene.type(['dataset', 'caption', 'foxes', '--threshold', '7']);
  },
  'package/updated': () => programProblem(new TypeError('m7.start is not a function'), () => true),
  'package/incomplete': () => packageIncomplete('/usr/lib/node_modules/visiontrain/dist/supervisor.js'),
  'report/port': async (scene) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = String((server.address() as AddressInfo).port);
    scene.hide(port, '8080');
    try {
      return await scene.type(['report', 'fox', '--serve', '--port', port]);
    } finally {
      server.close();
    }
  },
};

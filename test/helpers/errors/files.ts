/** Errors of files, folders and disks, each as it really comes. */
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { fileErrors } from '../../../src/base/error-entries/files.ts';
import { diskError } from '../../../src/base/files/disk.ts';
import { foreignFolder } from '../../../src/base/files/private-folder.ts';
import { openOurs, readGiven } from '../../../src/base/files/regular-file.ts';
import { diskFull, explainWriteError } from '../../../src/base/files/write-errors.ts';
import { noHome } from '../../../src/base/home.ts';
import { claim } from '../../../src/base/process/claim.ts';
import { typedPath } from '../../../src/base/typed-path.ts';
import { systemError } from '../../../src/cli/shell/report-error.ts';
import { failure, type Sample } from './scene.ts';

const RUNS = '/home/me/.local/share/visiontrain/runs';

export const fileSamples: Readonly<Record<keyof typeof fileErrors, Sample>> = {
  'path/impossible': () => typedPath('foxes\0', '/home/me'),
  'path/windows': (scene) => {
    scene.hide('/nowhere', '/mnt');
    return typedPath('C:\\Users\\me\\foxes', '/home/me', { drives: '/nowhere' });
  },
  'path/no-home': () => noHome(),
  'file/system': () => systemError(failure('EACCES', '/data/run.yaml'), []),
  'file/foreign': (scene) => {
    const path = join(scene.work, 'trainer.log');
    symlinkSync('/etc/hostname', path);
    return openOurs(path, 0);
  },
  'file/not-regular': (scene) => readGiven(scene.folder('foxes'), 100),
  'file/too-large': (scene) => readGiven(scene.file('kohya.toml', 'x'.repeat(2000)), 1000),
  'file/exists': (scene) => {
    scene.runYaml();
    scene.folder('foxes');
    return scene.type(['new', 'foxes', '--yes', '-o', 'run.yaml']);
  },
  'disk/full': () => diskFull(RUNS),
  'disk/not-writable': () => explainWriteError(failure('EROFS'), RUNS),
  'disk/no-folder': () => explainWriteError(failure('ENOTDIR'), RUNS),
  'disk/write-failed': () => diskError(failure('EACCES'), '/data/models/sdxl/sdxl.safetensors', true),
  'disk/other-user': () => foreignFolder('/data/envs', 1004),
  'disk/claims-used-up': ({ work }) => {
    const folder = join(work, 'attempts');
    mkdirSync(folder);
    writeFileSync(join(folder, '999999.json'), '{"pid":1,"host":"elsewhere"}');
    utimesSync(join(folder, '999999.json'), new Date(0), new Date(0));
    return claim(folder);
  },
};

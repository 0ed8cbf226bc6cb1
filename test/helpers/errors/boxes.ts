/** Errors of other machines, each as it really comes. */

import { z } from 'zod';
import type { boxErrors } from '../../../src/base/error-entries/boxes.ts';
import { farOutcome } from '../../../src/cli/commands/boxes/on.ts';
import { lineFault, noRsync } from '../../../src/engine/boxes/faults.ts';
import { findBox, saveBoxes, typedBox } from '../../../src/engine/boxes/known.ts';
import { farProgram } from '../../../src/engine/boxes/program.ts';
import { sendAll } from '../../../src/engine/boxes/send.ts';
import { runHere } from '../../../src/engine/boxes/ssh.ts';
import { travelOf } from '../../../src/engine/boxes/travel.ts';
import type { Sample, Scene } from './scene.ts';

const box = typedBox({ name: 'gpu1', target: 'root@203.0.113.7', port: '40022', identity: '/home/me/.ssh/id_ed25519' });

/** A box whose shell gives this answer. */
const answering = (scene: Scene, script: string) => {
  scene.program('ssh', script);
  return { box, env: scene.env, tries: 0 };
};

export const boxSamples: Readonly<Record<keyof typeof boxErrors, Sample>> = {
  'box/none': ({ places }) => {
    saveBoxes(places.config, [box]);
    return findBox('gpu2', places.config);
  },
  'box/name': () => typedBox({ name: 'gpu1', target: 'root@203.0.113.7:40022' }),
  'box/taken': (scene) => {
    saveBoxes(scene.places.config, [box]);
    return scene.type(['hosts', 'add', 'gpu1', 'ann@192.0.2.20']);
  },
  'box/no-ssh': ({ env }) => runHere({ env: { ...env, PATH: '/nowhere' } }, ['rsync', '--version']),
  'box/no-rsync': () => noRsync(box),
  'box/refused': () => lineFault(box, 'root@203.0.113.7: Permission denied (publickey,password).\n'),
  'box/key-unknown': () => lineFault(box, 'Host key verification failed.\n'),
  'box/key-changed': () => lineFault(box, '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n'),
  'box/unreachable': () => lineFault(box, 'ssh: connect to host 203.0.113.7 port 40022: Connection refused\n'),
  'box/line-lost': () => lineFault(box, 'client_loop: send disconnect: Broken pipe\n'),
  'box/no-node': (scene) => {
    scene.program('rsync', 'exit 0');
    return farProgram(answering(scene, 'printf "visiontrain:%s\\n" sent=/root/.visiontrain rsync=1 free=90000000'));
  },
  'box/no-room': (scene) =>
    farProgram(answering(scene, 'printf "visiontrain:%s\\n" sent=/root/.visiontrain rsync=1 free=1000')),
  'box/program': () => farOutcome('Traceback: out of cheese\n', 'gpu1', z.object({ run: z.string() })),
  'box/damaged': (scene) => {
    const path = scene.file('foxes/01.png', 'a picture');
    const answers = [{ missing: ['x'], incoming: '/root/in', free: 1e12 }, { bad: ['x'] }];
    const sha = 'sed -n "s/.*\\"sha256\\":\\"\\([0-9a-f]*\\)\\".*/\\1/p"';
    const line = answering(
      scene,
      [
        `request=$(cat); sum=$(printf '%s' "$request" | ${sha})`,
        'case "$request" in',
        `*missing*) printf '%s\\n' '${JSON.stringify(answers[0])}' | sed "s/\\"x\\"/\\"$sum\\"/";;`,
        `*) printf '%s\\n' '${JSON.stringify(answers[1])}' | sed "s/\\"x\\"/\\"$sum\\"/";;`,
        'esac',
      ].join('\n'),
    );
    scene.program('rsync', 'exit 0');
    const far = { line, node: 'node', script: 'visiontrain', sent: '/root/in', home: undefined };
    return sendAll(far, [{ path, files: [path] }] as never, { say: () => undefined });
  },
  'box/not-there': ({ work, places, registry, spec }) =>
    travelOf({ spec: spec({ hooks: { on_finish: [{ run: './tell-me.sh' }] } }), dir: work, registry, places }),
};

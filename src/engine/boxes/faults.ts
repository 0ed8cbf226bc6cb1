/** Turns messages of ssh and rsync into errors that a person can act on. Pure. */
import { EnvironmentError } from '../../base/errors.ts';
import { neutralise } from '../../base/text.ts';
import type { Box } from './known.ts';

/** A problem with a box. */
export class BoxError extends EnvironmentError {
  /** Whether another try may succeed: after a broken connection, but not after a refused key. */
  readonly passing: boolean;

  constructor(message: string, details: ConstructorParameters<typeof EnvironmentError>[1], passing = false) {
    super(message, details);
    this.passing = passing;
  }
}

/** The command that a person types to log in by hand. */
export function loginLine({ target, port, identity, jump }: Box): string {
  const words = [
    'ssh',
    ...(port === undefined ? [] : ['-p', `${port}`]),
    ...(identity === undefined ? [] : ['-i', /\s/.test(identity) ? `'${identity}'` : identity]),
    ...(jump === undefined ? [] : ['-J', jump.join(',')]),
  ];
  return [...words, target].join(' ');
}

/** The name under which ssh stores the host key of a machine. */
function keyName({ target, port }: Box): string {
  const machine = target.slice(target.indexOf('@') + 1);
  return port === undefined || port === 22 ? machine : `'[${machine}]:${port}'`;
}

interface Fault {
  readonly says: RegExp;
  readonly tell: (box: Box, last: string) => BoxError;
}

const changed: Fault = {
  says: /REMOTE HOST IDENTIFICATION HAS CHANGED|Offending .*key in|host key .* has changed/i,
  tell: (box) =>
    new BoxError(`${box.name} shows another key than it had before.`, {
      id: 'box/key-changed',
      details: ['It was set up anew, its address leads to another machine by now, or somebody sits in between.'],
      nextSteps: [
        'If you know why, forget the old key and look at the new one:',
        `ssh-keygen -R ${keyName(box)}`,
        loginLine(box),
      ],
    }),
};

const FAULTS: readonly Fault[] = [
  changed,
  {
    says: /Host key verification failed|No .* host key is known/i,
    tell: (box) =>
      new BoxError(`ssh does not know the key of ${box.name} yet.`, {
        id: 'box/key-unknown',
        nextSteps: ['Log in once by hand, and compare the fingerprint that it shows:', loginLine(box)],
      }),
  },
  {
    says: /Permission denied \(|Too many authentication failures|no mutual signature|Load key .*(passphrase|denied)/i,
    tell: (box, last) =>
      new BoxError(
        `${box.name} lets you in by no key of yours${/password/.test(last) ? ': it wants a password' : ''}.`,
        {
          id: 'box/refused',
          details: [last],
          nextSteps: [
            'Put your key there once (it asks for the password), or load your key:',
            loginLine(box).replace(/^ssh /, 'ssh-copy-id '),
            `ssh-add${box.identity === undefined ? '' : ` ${box.identity}`}`,
          ],
        },
      ),
  },
  {
    says: /UNPROTECTED PRIVATE KEY|Identity file .* not accessible|Bad configuration|bad permissions|Bad owner/i,
    tell: (box, last) =>
      new BoxError(`ssh cannot be used for ${box.name} as it is set up here.`, {
        id: 'box/refused',
        details: [last],
        nextSteps: ['Mend what it names until this asks nothing:', loginLine(box)],
      }),
  },
  {
    says: /No space left on device|Disk quota exceeded|\(28\)|\(122\)/i,
    tell: (box, last) =>
      new BoxError(`The disk of ${box.name} is full.`, {
        id: 'box/no-room',
        details: [last],
        nextSteps: ['Free room there. What has arrived is kept, and the same command goes on.'],
      }),
  },
  {
    says: /rsync: (command )?not found|rsync: No such file|No such file or directory.*rsync|remote command not found/i,
    tell: (box) => noRsync(box),
  },
  {
    says: /is your shell clean|protocol version mismatch/i,
    tell: (box) =>
      new BoxError(`The login on ${box.name} prints something, so nothing can be copied.`, {
        id: 'box/program',
        nextSteps: [
          'Its .bashrc (or the like) must be silent when nobody looks; this is to print nothing:',
          `${loginLine(box)} true`,
        ],
      }),
  },
  {
    says: /Could not resolve|Name or service not known|nodename nor servname/i,
    tell: (box, last) => unreachable(box, last, false),
  },
  {
    says: /Connection refused|No route to host|Network is unreachable|timed out during banner|port \d+: Connection timed out|Operation timed out|kex_exchange_identification|banner exchange|UNKNOWN port 65535|stdio forwarding failed/i,
    tell: (box, last) => unreachable(box, last, true),
  },
];

const unreachable = (box: Box, last: string, passing: boolean) =>
  new BoxError(
    `${box.name} cannot be reached.`,
    { id: 'box/unreachable', details: [last], nextSteps: [`Does this work?   ${loginLine(box)}`] },
    passing,
  );

export const noRsync = (box: Box): BoxError =>
  new BoxError(`${box.name} has no rsync.`, {
    id: 'box/no-rsync',
    nextSteps: ['Install it there, such as:', `${loginLine(box)} apt-get install -y rsync`],
  });

/** The error for the output of ssh or rsync after it failed. */
export function lineFault(box: Box, printed: string): BoxError {
  const lines = printed
    .split('\n')
    .map((line) => neutralise(line.trim()))
    .filter((line) => line !== '' && !/^[@ ]+$/.test(line));
  const last = lines.findLast((line) => !/^rsync (error|warning)|^rsync: connection unexpectedly/i.test(line)) ?? '';
  const fault = FAULTS.find(({ says }) => says.test(printed));
  if (fault !== undefined) return fault.tell(box, lines.find((line) => fault.says.test(line)) ?? last);
  return new BoxError(
    `The line to ${box.name} broke off.`,
    {
      id: 'box/line-lost',
      details: last === '' ? [] : [last],
      nextSteps: ['Type the same command again: what has arrived is kept, and what runs there runs on.'],
    },
    true,
  );
}

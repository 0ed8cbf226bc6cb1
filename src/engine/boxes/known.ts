/** The boxes of a person: machines that are reached by SSH, stored in a file of the settings folder. */
import { join } from 'node:path';
import { z } from 'zod';
import { EnvironmentError, UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { nearest } from '../../base/nearest.ts';
import { typedPath } from '../../base/typed-path.ts';

/** Names and addresses become arguments of ssh, so none may begin with a dash or contain unusual characters. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/;
const USER = '[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}';
const MACHINE = '(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,60}(?:%[A-Za-z0-9]{1,20})?)';
const TARGET = new RegExp(`^(?:${USER}@)?${MACHINE}$`);
const JUMP = new RegExp(`^(?:${USER}@)?[A-Za-z0-9_][A-Za-z0-9._-]{0,252}(?::\\d{1,5})?$`);
/** A path that ssh and rsync take as one word. */
const PLAIN_PATH = /^\/[^'"\\\p{Cc}]{0,1023}$/u;

const boxSchema = z.strictObject({
  name: z.string().regex(NAME),
  target: z.string().regex(TARGET),
  port: z.number().int().min(1).max(65_535).optional(),
  identity: z.string().regex(PLAIN_PATH).optional(),
  jump: z.array(z.string().regex(JUMP)).max(8).optional(),
  home: z
    .string()
    .regex(/^\/[A-Za-z0-9._/+@-]{1,1023}$/)
    .optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), boxes: z.array(boxSchema).max(1000) });

/** A machine: how ssh reaches it, and the folder for all our files there (a default when missing). */
export type Box = z.output<typeof boxSchema>;

const MOST_BYTES = 1 << 20;
const fileOf = (config: string): string => join(config, 'boxes.json');

/**
 * All boxes by name.
 * @throws EnvironmentError when their file is not what visiontrain writes
 */
export function knownBoxes(config: string): Box[] {
  const path = fileOf(config);
  const bytes = readOurs(path, MOST_BYTES);
  if (bytes === undefined) return [];
  try {
    return fileSchema.parse(JSON.parse(bytes.toString('utf8'))).boxes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    throw new EnvironmentError(`${path} is not what visiontrain writes.`, {
      id: 'file/foreign',
      nextSteps: ['Remove it, and add your boxes again:  visiontrain hosts add NAME user@machine'],
      cause,
    });
  }
}

/**
 * The box of that name.
 * @throws UsageError that names the boxes there are
 */
export function findBox(name: string, config: string): Box {
  const all = knownBoxes(config);
  const found = all.find((box) => box.name === name);
  if (found !== undefined) return found;
  const names = all.map((box) => box.name);
  const near = nearest(name, names);
  throw new UsageError(
    near === undefined ? `There is no box ${name}.` : `There is no box ${name}. Did you mean ${near}?`,
    {
      id: 'box/none',
      details: names.length === 0 ? ['None was added yet.'] : [`There are: ${names.join(', ')}`],
      nextSteps: [names.length === 0 ? 'visiontrain hosts add NAME user@machine' : 'visiontrain hosts'],
    },
  );
}

export function saveBoxes(config: string, boxes: readonly Box[]): void {
  makePrivateFolder(config);
  writeFileAtomic(fileOf(config), `${JSON.stringify({ version: 1, boxes }, null, 1)}\n`, 0o600);
}

export interface TypedBox {
  readonly name: string;
  readonly target: string;
  readonly port?: string | undefined;
  readonly identity?: string | undefined;
  readonly jump?: string | undefined;
  readonly home?: string | undefined;
}

const wrong = (message: string) =>
  new UsageError(message, {
    id: 'box/name',
    nextSteps: ['visiontrain hosts add gpu1 root@203.0.113.7 -p 40022 -i ~/.ssh/id_ed25519'],
  });

const quoted = (text: string) => JSON.stringify(text);

/**
 * A box as it was typed, checked.
 * @throws UsageError for a text that ssh could take for anything but an address
 */
export function typedBox({ name, target, port, identity, jump, home }: TypedBox): Box {
  if (name === 'slurm') throw wrong('slurm cannot name a box: --on slurm submits a job to a cluster.');
  if (!NAME.test(name)) throw wrong(`${quoted(name)} cannot name a box: letters, digits, dash and underscore can.`);
  const bare = target.replace(/\[([0-9A-Fa-f:.%\w]+)\]$/u, '$1');
  if (/:\d+$/.test(bare) && (bare.match(/:/g) ?? []).length === 1)
    throw wrong(`${quoted(target)} holds a port, which is given with -p.`);
  if (!TARGET.test(bare)) throw wrong(`${quoted(target)} is no address such as user@machine.`);
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && !(Number.isInteger(number) && number > 0 && number < 65_536))
    throw wrong(`${quoted(port ?? '')} is no port: 1 to 65535.`);
  const key = identity === undefined ? undefined : typedPath(identity, '.');
  if (key !== undefined && !PLAIN_PATH.test(key)) throw wrong(`${quoted(identity ?? '')} is no path of a key file.`);
  const jumps = jump?.split(',');
  const bad = jumps?.find((one) => !JUMP.test(one));
  if (bad !== undefined) throw wrong(`${quoted(bad)} is no jump host such as user@machine:22.`);
  const box = boxSchema.safeParse({
    ...{ name, target: bare },
    ...(number === undefined ? {} : { port: number }),
    ...(key === undefined ? {} : { identity: key }),
    ...(jumps === undefined ? {} : { jump: jumps }),
    ...(home === undefined ? {} : { home }),
  });
  if (box.success) return box.data;
  throw wrong(`${quoted(home ?? '')} is no folder for --home: a whole path there, of plain letters.`);
}

/** The parts of `box:run`; undefined where the text has another form or names no known box. */
export function boxAndRun(text: string, config: string): { readonly box: Box; readonly run: string } | undefined {
  const [, name, run] = /^([A-Za-z0-9][A-Za-z0-9_-]*):([^/\\].*)$/su.exec(text) ?? [];
  if (name === undefined || run === undefined) return undefined;
  // A single letter before the colon is a drive of Windows, unless a box has that name.
  if (name.length === 1 && !knownBoxes(config).some((box) => box.name === name)) return undefined;
  return { box: findBox(name, config), run };
}

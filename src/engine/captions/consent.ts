/**
 * Decides which servers may get the person's images. A run.yaml may come from anybody, and the address in it would get
 * every image without a caption, and the key in `VISIONTRAIN_CAPTION_KEY`.
 */
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { keep, readKept } from '../../base/files/kept-list.ts';
import type { Places } from '../../base/paths.ts';
import type { RunSpec } from '../../spec/schema.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/u;

/** Environment variable with the key for the server that a run.yaml names. */
export const CAPTION_KEY = 'VISIONTRAIN_CAPTION_KEY';

interface ConsentInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  /** Whether the person allows the server now. */
  readonly allows: boolean;
}

const file = (places: Places) => join(places.state, 'caption-servers.json');

/**
 * Must be called before images are sent to the server that `captions` names. A server that was allowed once stays
 * allowed, but gets the key only if a key was set when it was allowed. For servers on this machine the person is asked
 * only when there is a key, because another user of the machine may run one.
 * @throws UsageError when the person has not allowed the server, and does not do so now
 */
export function settleEndpoint(captions: RunSpec['captions'], { places, env, allows }: ConsentInput): void {
  if (captions.write !== 'endpoint' || captions.endpoint === null) return;
  const { origin, hostname } = new URL(captions.endpoint);
  const key = Boolean(env[CAPTION_KEY]?.trim());
  const withKey = `${origin} with key`;
  const kept = readKept(file(places));
  if (kept.includes(withKey) || (!key && (LOOPBACK.test(hostname) || kept.includes(origin)))) return;
  const what = key
    ? `The pictures without a caption, and the key in ${CAPTION_KEY},`
    : 'The pictures without a caption';
  if (!allows)
    throw new UsageError(`${what} would be sent to ${origin}, as captions.endpoint says.`, {
      id: 'captions/server',
      details: [key ? 'Whoever runs that server gets both.' : 'Whoever runs that server sees them.'],
      nextSteps: [
        'If that is what you want, start the run again with --send-pictures; it is asked once for each server.',
        ...(key ? [`If the server needs no key:  unset ${CAPTION_KEY}`] : []),
        'Or let a model on this machine write them: --set captions.write=tags',
      ],
    });
  keep(file(places), key ? withKey : origin);
}

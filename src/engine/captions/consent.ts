/**
 * Which servers may see the person's pictures. A run.yaml may come from anybody, and the address in it would get every
 * picture without a caption, and the key of `VISIONTRAIN_CAPTION_KEY`.
 */
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { keep, readKept } from '../../base/files/kept-list.ts';
import type { Places } from '../../base/paths.ts';
import type { RunSpec } from '../../spec/schema.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/u;

const file = (places: Places) => join(places.state, 'caption-servers.json');

/**
 * Called before pictures are sent to the server that `captions` names. Servers on this machine are not asked about, and
 * a server that was allowed once is allowed from then on.
 * @throws UsageError when the person has not allowed it and does not so now
 */
export function settleEndpoint(captions: RunSpec['captions'], places: Places, allows: boolean): void {
  if (captions.write !== 'endpoint' || captions.endpoint === null) return;
  const { origin, hostname } = new URL(captions.endpoint);
  if (LOOPBACK.test(hostname) || readKept(file(places)).includes(origin)) return;
  if (!allows)
    throw new UsageError(`The pictures without a caption would be sent to ${origin}, as captions.endpoint says.`, {
      id: 'captions/server',
      details: ['Whoever runs that server sees them.'],
      nextSteps: [
        'If that is what you want, start the run again with --send-pictures; it is asked once for each server.',
        'Or let a model on this machine write them: --set captions.write=tags',
      ],
    });
  keep(file(places), origin);
}

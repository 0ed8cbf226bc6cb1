/**
 * Carries out `models add FILE|FOLDER|URL|HUB-ID`: adds a base model of the person's own, recognised by its hash and
 * its tensors.
 */
import { existsSync } from 'node:fs';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { typedPath } from '../../../base/typed-path.ts';
import { allowTokenHosts } from '../../../download/http/token-hosts.ts';
import { lookUp } from '../../../registry/catalogue/find.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { writeOwnEntry } from '../../../registry/catalogue/own.ts';
import { type AnyEntry, ID, type ModelFile, type Registry } from '../../../registry/catalogue/schema.ts';
import { describeOwn, knownAs, slug } from '../../../registry/hub/own-entry.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text, tokenOption } from '../shared/options.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { local, remote } from './found.ts';

export const run: CommandRun = async ([what, ...more], options, context) => {
  const { out, places, flags } = context;
  if (what === undefined || more.length > 0)
    throw new UsageError('Add one model.', {
      id: 'command/wrong',
      nextSteps: [
        'visiontrain models add FILE.safetensors',
        'visiontrain models add owner/name',
        'visiontrain models add https://civitai.com/models/…',
      ],
    });
  const registry = loadRegistry({ configDir: places.config });
  const id = text(options.id);
  if (id !== undefined) checkNewId(id, registry);
  const stop = stopSignals('Stopped. Nothing was added.');
  const path = /^https?:/i.test(what) ? what : typedPath(what, '.');
  const found = await (existsSync(path)
    ? local(path, context, stop.signal)
    : remote(what, options, { env: context.env, registry, signal: stop.signal })
  ).finally(stop.off);
  const known = knownAs(registry, found.files);
  if (known !== undefined) {
    if (flags.json) out.json({ id: known.id, known: true });
    else out.talk(`This is ${known.title}; it is in the registry as ${known.id}.  visiontrain models pull ${known.id}`);
    return EXIT.ok;
  }
  const wishes = { id, title: text(options.title), like: text(options.like), prediction: text(options.prediction) };
  const entry = describeOwn(found, wishes, registry);
  checkNewId(entry.id, registry);
  const file = writeOwnEntry(places.config, entry);
  const tokenEnv = tokenOption(options, context.env);
  if (tokenEnv !== undefined) allowTokenHosts(places, tokenEnv, addressesWith(tokenEnv, found.files));
  if (flags.json) out.json({ id: entry.id, known: false, family: entry.family, prediction: entry.prediction, file });
  else {
    out.talk(
      `Added ${entry.id}: ${entry.family}, ${entry.prediction}${found.facts.predictionFrom === 'assumed' ? ' (assumed: the file does not say; change it with --prediction v_prediction)' : ''}.`,
    );
    if (found.facts.lacksVae)
      out.talk(`It holds no VAE: set model.vae in run.yaml when you train on it, such as ${entry.recommended_vae}.`);
    out.talk(`Its entry can be edited: ${file}`);
    if (found.left !== undefined && found.left.length > 0)
      out.talk(`Not kept in it, since it lets anybody in who reads it: ${found.left.join(', ')}.`);
    if (found.files.some((f) => f.local === undefined)) out.talk(`Fetch it: visiontrain models pull ${entry.id}`);
  }
  return EXIT.ok;
};

const addressesWith = (variable: string, files: readonly ModelFile[]): string[] =>
  files.flatMap(({ sources }) =>
    sources.flatMap((source) => (source.kind === 'url' && source.token_env === variable ? [source.url] : [])),
  );

/**
 * Checks a new id.
 * @throws UsageError when another entry has it, which the new one would replace
 */
function checkNewId(id: string, registry: Registry): void {
  if (!ID.test(id))
    throw new UsageError(`An id has lower-case letters, digits, dots and dashes; ${JSON.stringify(id)} has not.`, {
      id: 'model/id',
      nextSteps: [`--id ${slug(id)}`],
    });
  if (lookUp<AnyEntry>([...registry.models, ...registry.assets], id) !== undefined)
    throw new UsageError(`There is an entry ${id} already.`, {
      id: 'model/id-taken',
      nextSteps: [`Give another name with --id. What it is: visiontrain models info ${id}`],
    });
}

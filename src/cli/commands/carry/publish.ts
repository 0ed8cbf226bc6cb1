/** Carries out `publish hub|kit RUN`, which gives a LoRA to others. This is never done as part of a run. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { makeGivenFolder } from '../../../base/files/given-place.ts';
import { explainWriteError } from '../../../base/files/write-errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { formatBytes, plural } from '../../../base/text.ts';
import { agentFactory } from '../../../download/http/agent.ts';
import { downloadSettings } from '../../../download/http/settings.ts';
import { steadyFetch } from '../../../download/http/steady-fetch.ts';
import { inspectLora } from '../../../engine/lora/inspect.ts';
import { coverPath, modelCard } from '../../../engine/publish/card.ts';
import { writeKit } from '../../../engine/publish/kit.ts';
import { type Material, materialOf } from '../../../engine/publish/material.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { leaveOnInterrupt } from '../shared/steps/stop-signals.ts';

/** Name of a repository in the hub's form. */
const REPO = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/u;

export const run: CommandRun = async ([where = '', query = ''], options, context) => {
  if (where !== 'hub' && where !== 'kit')
    throw new UsageError(`There is no visiontrain publish ${where}.`, {
      id: 'command/wrong',
      nextSteps: ['visiontrain publish hub RUN   or:  visiontrain publish kit RUN', 'Actions: hub, kit'],
    });
  const { places } = context;
  const material = materialOf(findRun(query, places.runs), loadRegistry({ configDir: places.config }));
  if (!existsSync(material.lora))
    throw new UsageError(`${material.lora} is gone: the LoRA was moved or removed.`, {
      id: 'run/no-export',
      nextSteps: [`visiontrain export ${query}   writes it again`],
    });
  return where === 'hub' ? toHub(material, options, context) : asKit(material, options, context);
};

async function toHub(material: Material, options: Options, context: Context): Promise<ExitCode> {
  const { out, env, flags } = context;
  const settings = downloadSettings(env);
  const repo = text(options.repo);
  if (repo !== undefined && !REPO.test(repo))
    throw new UsageError(`--repo is OWNER/NAME; this is ${JSON.stringify(repo)}.`, {
      id: 'publish/repo',
      nextSteps: [`--repo ann/${material.name}`],
    });
  if (options.dryRun === true) return showHub(material, repo ?? `OWNER/${material.name}`, context);
  const { hubToken: token, hub } = settings;
  if (token === undefined)
    throw new UsageError(`There is no token for ${new URL(hub).host}.`, {
      id: 'publish/login',
      nextSteps: ['hf auth login   or:  export HF_TOKEN=…   with a token that may write'],
    });
  const connections = agentFactory(settings, env)();
  const leave = leaveOnInterrupt();
  const shown = new Map<string, number>();
  try {
    const { publishToHub } = await import('../../../engine/publish/hub.ts');
    const published = await publishToHub(material, {
      ...{ repo, hub, isPublic: options.public === true, patience: settings, signal: leave.signal },
      fetch: steadyFetch({
        ...{ connections, settings, token, server: hub, signal: leave.signal },
        onWait: (why, seconds) => {
          if (!flags.json) out.talk(`${why}: again in ${Math.round(seconds)} s.`);
        },
      }),
      onProgress: (path, share) => {
        if (flags.json || share < 1 || shown.get(path) === 1) return;
        shown.set(path, 1);
        out.talk(`  sent: ${path}`);
      },
    });
    if (flags.json) out.json(published);
    else {
      const { is_private: isPrivate, files, url } = published;
      out.talk(`Published: ${plural(files.length, 'file')}, ${isPrivate ? 'for you alone' : 'for everybody'}.`);
      tellLicence(material, context);
      if (isPrivate) out.talk('To show it to all: --public, or its settings on the hub.');
      out.verbatim(url);
    }
    return EXIT.ok;
  } catch (error) {
    if (!leave.signal.aborted) throw error;
    out.talk('Left. The same command goes on: what the hub has is not sent again.');
    return EXIT.cancelled;
  } finally {
    leave.off();
    await connections.destroy();
  }
}

function showHub(material: Material, repo: string, { out, flags }: Context): ExitCode {
  const files = ['README.md', material.lora, ...material.covers.map((_, i) => coverPath(i))];
  const card = modelCard(material, repo);
  if (flags.json) out.json({ repo, files, card });
  else {
    out.talk(`${repo}: nothing is sent (--dry-run)`);
    for (const file of files) out.talk(`  ${file}`);
    out.verbatim(card);
  }
  return EXIT.ok;
}

function asKit(material: Material, options: Options, context: Context): ExitCode {
  const { out, flags } = context;
  const dir = absolute(text(options.to) ?? `${material.name}-kit`, { cwd: process.cwd() });
  if (existsSync(dir))
    throw new UsageError(`${dir} is there already.`, { id: 'file/exists', nextSteps: ['Choose another:  --to DIR'] });
  makeGivenFolder(dirname(dir), '--to DIR');
  const { payload_sha256: weights } = inspectLora(material.lora);
  try {
    const files = writeKit(material, dir, weights);
    if (flags.json) {
      out.json({ dir, files });
      return EXIT.ok;
    }
    out.talk(`All that Civitai asks for, ${formatBytes(material.bytes)}; it takes no uploads from programs:`);
    for (const { path, what } of files) out.talk(`  ${path}   ${what}`);
    out.talk('  1. https://civitai.com/models/create   2. the words from description.html   3. the files');
    tellLicence(material, context);
    out.verbatim(displayPath(dir, process.cwd()));
    return EXIT.ok;
  } catch (error) {
    throw explainWriteError(error, dir, 'Choose another place:  --to DIR');
  }
}

function tellLicence({ licence }: Material, { out }: Context): void {
  const { model, name, restrictions } = licence;
  if (name === null) out.wrapped(`! The licence of ${model} is not known here: ask where it comes from first.`);
  else out.wrapped(`The licence of ${model} binds too: ${name}. ${restrictions}`.trim());
}

/**
 * Adapts the plan of a bundle to another machine: settings of the computation stay; paths and the device are this
 * machine's. Pure.
 */
import { SHARED_SETTINGS } from '../plan/facts.ts';
import { canonicalJson } from '../plan/identity.ts';
import type { Plan } from '../plan/schema.ts';

/**
 * The adapted plan.
 * @param bundled the plan in the bundle
 * @param here the plan that this machine makes from the run.yaml in the bundle, with the same images
 */
export function adoptedPlan(bundled: Plan, here: Plan): Plan {
  const now = new Map(here.data.images.map((sample) => [sample.id, sample]));
  const sameKind = bundled.resources.device.split(':')[0] === here.resources.device.split(':')[0];
  const { device, cache_dir, workers } = here.resources;
  return {
    ...bundled,
    model: {
      ...bundled.model,
      path: here.model.path,
      layout: here.model.layout,
      config_dir: here.model.config_dir,
      vae_path: here.model.vae_path,
      merge_loras: here.model.merge_loras,
    },
    data: {
      ...bundled.data,
      root: here.data.root,
      images: bundled.data.images.map((sample) => {
        const same = now.get(sample.id);
        return same === undefined ? sample : { ...sample, path: same.path, mask: same.mask };
      }),
    },
    training: {
      ...bundled.training,
      init_lora: here.training.init_lora,
      optimizer: sameKind ? bundled.training.optimizer : here.training.optimizer,
    },
    resources: sameKind
      ? { ...bundled.resources, device, cache_dir, workers }
      : { ...here.resources, threads: bundled.resources.threads },
  };
}

/**
 * Keys whose values differ between two plans, apart from paths and devices: `training.rank`. Another version may plan
 * differently; then the plan of the bundle counts, and the person is told.
 */
export function planDifferences(a: Plan, b: Plan): string[] {
  const sections = ['training', 'data', 'model', 'validation', 'output'] as const;
  const there = new Set(['path', 'config_dir', 'vae_path', 'merge_loras', 'root', 'init_lora', 'layout']);
  return sections.flatMap((section) => {
    const [one, two] = [withoutShared(a), withoutShared(b)].map((plan) => plan[section]) as readonly Readonly<
      Record<string, unknown>
    >[];
    return Object.keys({ ...one, ...two })
      .filter((key) => !there.has(key) && canonicalJson(one?.[key] ?? null) !== canonicalJson(two?.[key] ?? null))
      .map((key) => `${section}.${key}`)
      .filter((key) => key !== 'data.images');
  });
}

/**
 * The plan without our own settings in its metadata. These describe masks and captions as the first machine made them,
 * but a bundle has them as files.
 */
function withoutShared(plan: Plan): Plan {
  const { [SHARED_SETTINGS]: _, ...facts } = plan.output.facts;
  return { ...plan, output: { ...plan.output, facts } };
}

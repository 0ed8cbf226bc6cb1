/**
 * Combinations of valid values that cannot work, or seldom do what was meant. Each rule is one row; no other code
 * checks these combinations.
 */
import { deviceRules } from './device-rules.ts';
import { readPromptLine } from './prompt-flags.ts';
import { promptProblem, promptSyntax } from './prompt-syntax.ts';
import type { RunSpec } from './schema.ts';
import { sizeRules } from './sections/size-rules.ts';
import { adapterRules } from './training/adapter-rules.ts';
import { augmentRules } from './training/augment-rules.ts';
import { flowRules } from './training/flow-rules.ts';
import { optimizerRules } from './training/optimizer-rules.ts';
import { pivotalRules } from './training/pivotal-rules.ts';
import { type Rule as RuleOf, when } from './training/rule.ts';
import { sourceRules } from './training/source-rules.ts';
import { subjectRules } from './training/subject-rules.ts';
import { trainingRules } from './training/training-rules.ts';
import { validationRules } from './training/validation-rules.ts';

type Rule = RuleOf<RunSpec>;

export const rules: readonly Rule[] = [
  {
    key: 'captions.endpoint',
    level: 'error',
    check: ({ captions: c }) =>
      when(c.write === 'endpoint' && c.endpoint === null, 'must be the address of a server for write: endpoint'),
  },
  {
    key: 'captions.remove',
    level: 'error',
    check: ({ captions: c, dataset: d }) =>
      when(
        d.trigger !== '' && c.remove.some((tag) => tag.trim().toLowerCase() === d.trigger.trim().toLowerCase()),
        'must not remove the trigger: without it nothing calls the LoRA',
      ),
  },
  {
    key: 'captions.endpoint_model',
    level: 'error',
    check: ({ captions: c }) =>
      when(c.write === 'endpoint' && c.endpoint_model === '', 'must name a model for write: endpoint'),
  },
  ...sizeRules,
  {
    key: 'model.clip_skip',
    level: 'error',
    check: ({ model: m }) =>
      when(m.family !== 'sd15' && m.clip_skip !== 1, 'is for SD1.5 only (SDXL always reads one fixed layer): write 1'),
  },
  {
    key: 'model.zero_terminal_snr',
    level: 'error',
    check: ({ model: m }) =>
      when(
        m.zero_terminal_snr && m.prediction !== 'v_prediction',
        `needs prediction: v_prediction (with ${m.prediction} ${m.prediction === 'flow' ? 'there is no such schedule' : 'the last timestep teaches nothing'}): write false`,
      ),
  },
  {
    key: 'training.text_encoder_learning_rate',
    level: 'error',
    check: ({ model: m, training: t }) =>
      when(
        m.family !== 'sdxl' && Array.isArray(t.text_encoder_learning_rate),
        'SD1.5 has one text encoder: write one number',
      ),
  },
  {
    key: 'training.text_encoder_learning_rate',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.optimizer === 'prodigy' &&
          [t.text_encoder_learning_rate].flat().some((rate) => rate !== 0 && rate !== t.learning_rate),
        'prodigy has one rate for all that learns: write the same as learning_rate (1 is usual), or 0 to leave the text encoder as it is',
      ),
  },
  {
    key: 'training.warmup',
    level: 'error',
    check: ({ training: t }) =>
      when(
        typeof t.steps === 'number' && t.warmup >= 1 && t.warmup >= t.steps,
        `must be fewer than the ${t.steps} steps of the run, such as ${Math.floor(Number(t.steps) / 10)}`,
      ),
  },
  {
    key: 'training.noise_offset',
    level: 'error',
    check: ({ model: m, training: t }) =>
      when(m.zero_terminal_snr && t.noise_offset > 0, 'must be 0 with zero_terminal_snr, which already does its work'),
  },
  {
    key: 'training.init_lora',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.init_lora !== null && !t.init_lora.toLowerCase().endsWith('.safetensors'),
        'must be a .safetensors file (other formats can run code when opened)',
      ),
  },
  {
    key: 'samples.prompts',
    level: 'error',
    check: ({ samples: s }) => {
      const wrong = s.prompts.flatMap((prompt, i) => {
        const problem = promptProblem(prompt);
        return problem === undefined ? [] : [`prompt ${i + 1} ${problem}`];
      });
      return when(wrong.length > 0, wrong.join('. '));
    },
  },
  {
    key: 'samples.prompts',
    level: 'error',
    check: ({ samples: s, model: m }) =>
      when(
        m.family !== 'sd15' && s.prompts.some((prompt) => readPromptLine(prompt).line.clip_skip !== undefined),
        'have --cs (clip skip), which is for SD1.5 only (SDXL always reads one fixed layer): take it out',
      ),
  },
  {
    key: 'samples.spacing',
    level: 'error',
    check: ({ samples: s }) =>
      when(
        s.sampler === 'ddim' && s.spacing !== 'trailing',
        'must be trailing with the sampler ddim: write trailing, or another sampler, such as euler_a',
      ),
  },
  {
    key: 'resources.vae_precision',
    level: 'error',
    check: ({ model: m, resources: r }) =>
      when(
        m.family === 'sdxl' && r.vae_precision === 'fp16' && m.vae === null,
        'the VAE of SDXL overflows in fp16: write fp32, or set model.vae: sdxl-vae-fp16-fix',
      ),
  },
  {
    key: 'resources.compile',
    level: 'error',
    check: ({ resources: r }) =>
      when(
        r.compile && r.base_precision !== 'same',
        `needs base_precision: same (weights in ${r.base_precision} are unpacked outside of what is compiled): write false`,
      ),
  },
  {
    key: 'resources.compile',
    level: 'error',
    check: ({ resources: r }) =>
      when(
        r.compile && r.stream_base,
        'needs stream_base: false (weights that are sent come outside of what is compiled): write false',
      ),
  },
  {
    key: 'training.alpha',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        t.alpha > 2 * t.rank,
        `the LoRA acts ${Math.round((10 * t.alpha) / t.rank) / 10} times as strong as learned (alpha ÷ rank); usual is 0.5 to 1`,
      ),
  },
  {
    key: 'training.learning_rate',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        t.optimizer.startsWith('prodigy') && t.learning_rate < 0.1,
        `${t.optimizer} finds the rate by itself and expects learning_rate: 1 here`,
      ),
  },
  {
    key: 'training.learning_rate',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        !t.optimizer.startsWith('prodigy') && t.learning_rate > 0.01,
        'is far above what LoRAs are trained with (1e-5 to 1e-3): expect noise',
      ),
  },
  {
    key: 'training.text_encoder_until',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        t.text_encoder_until < 1 && [t.text_encoder_learning_rate].flat().every((rate) => rate === 0),
        'has an effect where text_encoder_learning_rate is above 0 only',
      ),
  },
  {
    key: 'model.merge_loras',
    level: 'error',
    check: ({ model: m }) =>
      when(
        m.merge_loras.some(({ path }) => !path.toLowerCase().endsWith('.safetensors')),
        'must be .safetensors files (other formats can run code when opened)',
      ),
  },
  {
    key: 'training.cycles',
    level: 'warning',
    check: ({ training: t }) =>
      when(t.cycles > 1 && t.schedule !== 'cosine_with_restarts', 'has an effect with cosine_with_restarts only'),
  },
  ...deviceRules,
  ...trainingRules,
  ...flowRules,
  ...sourceRules,
  ...subjectRules,
  ...pivotalRules,
  ...augmentRules,
  ...validationRules,
  ...adapterRules,
  ...optimizerRules,
  {
    key: 'samples.prompts',
    level: 'warning',
    check: ({ samples: s }) => {
      const names = new Set(s.prompts.flatMap((prompt) => promptSyntax(readPromptLine(prompt).line.prompt)));
      return when(
        names.size > 0,
        `hold what other programs read as commands (${[...names].join(', ')}): here it is read as words, so write the words alone`,
      );
    },
  },
  {
    key: 'samples.every',
    level: 'warning',
    check: ({ samples: s }) =>
      when(s.every !== 0 && s.prompts.length === 0, 'no prompts, so no sample pictures are made'),
  },
];

export interface Finding {
  readonly key: string;
  readonly message: string;
}

/** The messages that the rules of one level have for a valid spec. */
export function findings(spec: RunSpec, level: Rule['level']): readonly Finding[] {
  return rules.flatMap((rule) => {
    const message = rule.level === level ? rule.check(spec) : undefined;
    return message === undefined ? [] : [{ key: rule.key, message }];
  });
}

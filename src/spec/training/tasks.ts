/** Groups the keys of the long section `training` by task. The wizard and the reference page use the groups. */

export interface Task {
  readonly id: string;
  readonly label: string;
  /** The question in the wizard. */
  readonly text: string;
  /** Names of keys in `training`. A key in no list belongs to the first task. */
  readonly names: readonly string[];
}

export const trainingTasks: readonly Task[] = [
  { id: 'length', label: 'Training', text: 'How shall it train?', names: [] },
  {
    id: 'optimizer',
    label: 'Optimiser',
    text: 'Which optimiser and schedule?',
    names: [
      'optimizer',
      'optimizer_args',
      'weight_decay',
      'betas',
      'schedule',
      'schedule_args',
      'warmup',
      'cycles',
      'max_grad_norm',
      'max_weight_norm',
      'ema',
    ],
  },
  {
    id: 'adapter',
    label: 'Adapter',
    text: 'What shall the LoRA be like?',
    names: [
      'rank',
      'alpha',
      'dropout',
      'targets',
      'conv_rank',
      'conv_alpha',
      'init_lora',
      'adapter',
      'lokr',
      'dora',
      'rslora',
      'lora_plus_ratio',
      'rank_dropout',
      'module_dropout',
      't_lora',
      'layers',
      'pivotal',
    ],
  },
  {
    id: 'loss',
    label: 'Loss',
    text: 'Which loss, noise and timesteps?',
    names: [
      'loss',
      'huber_c',
      'huber_schedule',
      'huber_scale',
      'loss_weighting',
      'min_snr_gamma',
      'p2_gamma',
      'scale_v_loss',
      'v_like_loss',
      'noise_offset',
      'noise_offset_random',
      'noise_offset_adaptive',
      'multires_noise',
      'input_perturbation',
      'timesteps',
      'preservation',
    ],
  },
];

/** The task that a key of `training` belongs to, by its name without the section. */
export const taskOf = (name: string): string => trainingTasks.find(({ names }) => names.includes(name))?.id ?? 'length';

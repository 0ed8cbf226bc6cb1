/**
 * The words that people bring from other trainers, each with its name here: sd-scripts, kohya_ss, OneTrainer,
 * ai-toolkit, SimpleTuner, diffusers' scripts. This file is data only; `foreign.ts` makes the messages. Names are
 * compared in lower case, with `_` for `-`.
 */
import type { Conversion } from './foreign-values.ts';

/** A word of another trainer that one of our keys stands for. */
export interface ForeignWord {
  readonly names: readonly string[];
  /** Dotted key of run.yaml. */
  readonly key: string;
  /** How the word's values are converted; without it they are the same as ours. */
  readonly as?: Conversion;
  /** What differs from the other trainer, for the person. */
  readonly note?: string;
}

/** A word of another trainer that has no key here. */
export interface LostWord {
  readonly names: readonly string[];
  /** What the person can do instead. */
  readonly say: string;
}

const dataset: readonly ForeignWord[] = [
  {
    names: [
      'train_data_dir',
      'instance_data_dir',
      'instance_data_root',
      'image_dir',
      'image_folder',
      'folder_path',
      'data_dir',
      'dataset_dir',
      'dataset_path',
      'dataset_name',
      'train_dir',
      'input_dir',
    ],
    key: 'dataset.path',
  },
  {
    names: [
      'instance_prompt',
      'instance_token',
      'trigger_word',
      'trigger_words',
      'class_tokens',
      'activation_tags',
      'placeholder_token',
    ],
    key: 'dataset.trigger',
  },
  { names: ['caption_ext', 'caption_extention'], key: 'dataset.caption_extension', as: 'extension' },
  {
    names: ['shuffle_caption', 'shuffle_captions', 'shuffle_tokens', 'enable_tag_shuffling'],
    key: 'dataset.shuffle_tags',
  },
  { names: ['keep_tokens', 'keep_tags_count'], key: 'dataset.keep_tags' },
  {
    names: ['caption_dropout_rate', 'caption_dropout_probability', 'proportion_empty_prompts'],
    key: 'dataset.caption_dropout',
  },
  { names: ['caption_tag_dropout_rate', 'tag_dropout_rate', 'tag_dropout_probability'], key: 'dataset.tag_dropout' },
  { names: ['num_repeats', 'dataset_repeats'], key: 'dataset.repeats' },
  {
    names: ['max_resolution', 'train_resolution', 'image_size', 'target_resolution'],
    key: 'dataset.resolution',
    as: 'side',
  },
  { names: ['enable_bucket', 'enable_buckets', 'aspect_ratio_bucketing', 'bucketing'], key: 'dataset.buckets' },
  { names: ['bucket_reso_steps'], key: 'dataset.bucket_step' },
  { names: ['min_bucket_reso'], key: 'dataset.bucket_min' },
  { names: ['max_bucket_reso'], key: 'dataset.bucket_max' },
  { names: ['bucket_no_upscale'], key: 'dataset.no_upscale' },
  { names: ['random_crop', 'enable_crop_jitter'], key: 'dataset.crop', as: 'randomCrop' },
  { names: ['center_crop'], key: 'dataset.crop', as: 'centerCrop' },
  { names: ['flip_aug', 'random_flip', 'flip_x', 'enable_random_flip'], key: 'dataset.flip' },
  { names: ['validation_split'], key: 'dataset.validation_share' },
  { names: ['validate_every_n_steps', 'eval_steps_interval'], key: 'validation.every' },
  { names: ['validate_every_n_epochs', 'eval_epoch_interval'], key: 'validation.every', as: 'epochs' },
];

const model: readonly ForeignWord[] = [
  {
    names: [
      'pretrained_model_name_or_path',
      'pretrained_model_name',
      'pretrained_model',
      'model_name_or_path',
      'name_or_path',
      'base_model_name',
      'base_model',
      'model_name',
      'model_path',
    ],
    key: 'model.base',
  },
  { names: ['v_parameterization', 'v_pred', 'is_v_pred'], key: 'model.prediction', as: 'isVelocity' },
  { names: ['prediction_type'], key: 'model.prediction' },
  {
    names: [
      'rescale_betas_zero_snr',
      'zero_terminal_snr_schedule',
      'rescale_noise_scheduler_to_zero_terminal_snr',
      'ztsnr',
    ],
    key: 'model.zero_terminal_snr',
  },
  {
    names: ['pretrained_vae_model_name_or_path', 'pretrained_vae_name_or_path', 'vae_path', 'vae_override', 'vae_name'],
    key: 'model.vae',
  },
  { names: ['text_encoder_layer_skip'], key: 'model.clip_skip', as: 'layersSkipped' },
];

const length: readonly ForeignWord[] = [
  {
    names: ['max_train_steps', 'max_steps', 'num_train_steps', 'train_steps', 'total_steps', 'num_steps', 'iterations'],
    key: 'training.steps',
  },
  {
    names: ['epochs', 'epoch', 'max_train_epochs', 'num_train_epochs', 'num_epochs', 'max_epochs'],
    key: 'training.steps',
    as: 'epochs',
  },
  {
    names: ['train_batch_size', 'per_device_train_batch_size', 'micro_batch_size', 'batch'],
    key: 'training.batch_size',
  },
  {
    names: ['gradient_accumulation_steps', 'accumulation_steps', 'grad_accum', 'accumulate_grad_batches'],
    key: 'training.gradient_accumulation',
  },
  { names: ['random_seed', 'train_seed'], key: 'training.seed' },
];

const rates: readonly ForeignWord[] = [
  {
    names: ['unet_lr', 'lr', 'unet_learning_rate', 'learning_rate_unet', 'lr_unet', 'base_lr'],
    key: 'training.learning_rate',
  },
  {
    names: ['text_encoder_lr', 'te_lr', 'text_lr', 'learning_rate_te', 'te_learning_rate', 'text_encoder_lr1'],
    key: 'training.text_encoder_learning_rate',
  },
  {
    names: ['network_train_unet_only', 'train_unet_only'],
    key: 'training.text_encoder_learning_rate',
    as: 'zeroIfTrue',
  },
  { names: ['train_text_encoder'], key: 'training.text_encoder_learning_rate', as: 'zeroIfFalse' },
  { names: ['optimizer_type', 'optim', 'optimiser'], key: 'training.optimizer', as: 'optimizer' },
  { names: ['use_lion_optimizer'], key: 'training.optimizer', as: 'lion' },
  { names: ['use_8bit_adam'], key: 'training.optimizer', as: 'eightBit' },
  { names: ['adam_weight_decay'], key: 'training.weight_decay' },
  { names: ['adam_beta1', 'beta1'], key: 'training.betas', as: 'firstBeta' },
  { names: ['adam_beta2', 'beta2'], key: 'training.betas', as: 'secondBeta' },
  {
    names: ['lr_scheduler', 'learning_rate_scheduler', 'lr_schedule', 'scheduler'],
    key: 'training.schedule',
    as: 'schedule',
  },
  {
    names: ['lr_warmup_steps', 'learning_rate_warmup_steps', 'warmup_steps', 'num_warmup_steps', 'warmup_ratio'],
    key: 'training.warmup',
  },
  { names: ['lr_warmup'], key: 'training.warmup', as: 'percent', note: 'a share, where kohya_ss has a percentage' },
  { names: ['lr_scheduler_num_cycles', 'lr_num_cycles', 'learning_rate_cycles'], key: 'training.cycles' },
  {
    names: ['clip_grad_norm', 'gradient_clipping', 'max_gradient_norm', 'clip_grad'],
    key: 'training.max_grad_norm',
  },
];

const adapter: readonly ForeignWord[] = [
  {
    names: ['network_dim', 'network_rank', 'lora_rank', 'lora_dim', 'lora_r', 'linear', 'dim', 'unet_rank'],
    key: 'training.rank',
  },
  { names: ['network_alpha', 'lora_alpha', 'linear_alpha', 'unet_alpha'], key: 'training.alpha' },
  { names: ['conv_dim', 'conv_lora_dim', 'conv'], key: 'training.conv_rank' },
  { names: ['conv_lora_alpha'], key: 'training.conv_alpha' },
  {
    names: ['network_dropout', 'lora_dropout', 'dropout_probability'],
    key: 'training.dropout',
    note: 'of what goes into each layer',
  },
  {
    names: ['network_weights', 'lora_network_weights', 'lora_model_name', 'lora_weights', 'pretrained_lora_path'],
    key: 'training.init_lora',
  },
  { names: ['layer_filter', 'layer_filter_preset', 'only_if_contains'], key: 'training.targets' },
  { names: ['algo', 'network_type', 'lora_type'], key: 'training.adapter', as: 'adapter' },
  { names: ['dora_wd', 'lora_decompose', 'use_dora', 'weight_decompose'], key: 'training.dora' },
  { names: ['use_rslora', 'rs_lora', 'rank_stabilized'], key: 'training.rslora' },
  { names: ['factor', 'lokr_factor', 'decompose_factor'], key: 'training.lokr', as: 'lokrFactor' },
  { names: ['loraplus_lr_ratio'], key: 'training.lora_plus_ratio' },
  { names: ['loss_type'], key: 'training.loss', as: 'loss' },
  { names: ['huber_delta', 'huber_strength'], key: 'training.huber_c' },
  { names: ['masked_loss', 'masked_training'], key: 'dataset.masks', as: 'masks' },
  { names: ['alpha_mask'], key: 'dataset.masks', as: 'alphaMasks' },
  { names: ['unmasked_weight'], key: 'dataset.masks', as: 'outside' },
  { names: ['unmasked_probability'], key: 'dataset.masks', as: 'unmaskedShare' },
  {
    names: ['reg_data_dir', 'regularization_images', 'class_data_dir'],
    key: 'dataset.regularisation',
    as: 'regularisation',
  },
  {
    names: ['class_prompt', 'diff_output_preservation_class', 'prior_loss_weight', 'with_prior_preservation'],
    key: 'dataset.regularisation',
    note: 'a group: {path: ./women, class_word: woman, weight: 1}',
  },
  { names: ['loss_weight_fn'], key: 'training.loss_weighting', as: 'weighting' },
  { names: ['debiased_estimation_loss'], key: 'training.loss_weighting', as: 'debiased' },
  { names: ['scale_v_pred_loss_like_noise_pred'], key: 'training.scale_v_loss' },
  { names: ['v_pred_like_loss'], key: 'training.v_like_loss' },
  { names: ['adaptive_noise_scale'], key: 'training.noise_offset_adaptive' },
  { names: ['noise_offset_random_strength'], key: 'training.noise_offset_random' },
  { names: ['multires_noise_iterations'], key: 'training.multires_noise', as: 'iterations' },
  { names: ['multires_noise_discount'], key: 'training.multires_noise', as: 'discount' },
  {
    names: ['ip_noise_gamma', 'perturbation_noise_weight'],
    key: 'training.input_perturbation',
    as: 'perturbation',
  },
  { names: ['min_timestep'], key: 'training.timesteps', as: 'leastTimestep' },
  { names: ['max_timestep'], key: 'training.timesteps', as: 'mostTimestep' },
  { names: ['timestep_distribution'], key: 'training.timesteps', as: 'distribution' },
  { names: ['scale_weight_norms'], key: 'training.max_weight_norm', as: 'zeroIsOff' },
  { names: ['lr_scheduler_power', 'lr_power'], key: 'training.schedule_args', as: 'power' },
  { names: ['lr_scheduler_min_lr_ratio'], key: 'training.schedule_args', as: 'floor' },
  { names: ['snr_gamma', 'min_snr'], key: 'training.min_snr_gamma', as: 'zeroIsOff' },
  { names: ['offset_noise_weight', 'offset_noise'], key: 'training.noise_offset' },
];

const samples: readonly ForeignWord[] = [
  {
    names: ['sample_every', 'sample_every_n_steps', 'sample_after', 'validation_steps', 'validation_step_interval'],
    key: 'samples.every',
  },
  { names: ['sample_every_n_epochs', 'validation_epochs'], key: 'samples.every', as: 'epochs' },
  {
    names: ['sample_prompts', 'validation_prompt', 'validation_prompts', 'sample_prompt'],
    key: 'samples.prompts',
    as: 'prompts',
  },
  {
    names: ['neg', 'negative_prompt', 'validation_negative_prompt', 'sample_negative_prompt'],
    key: 'samples.negative',
  },
  { names: ['sample_steps', 'num_inference_steps', 'validation_num_inference_steps'], key: 'samples.steps' },
  { names: ['guidance_scale', 'validation_guidance', 'cfg_scale', 'cfg'], key: 'samples.guidance' },
  { names: ['sample_seed', 'validation_seed'], key: 'samples.seed' },
  { names: ['sample_sampler'], key: 'samples.sampler', as: 'sampler' },
];

const output: readonly ForeignWord[] = [
  { names: ['output_name', 'job_name', 'run_name', 'lora_name'], key: 'name' },
  { names: ['save_precision', 'save_dtype', 'output_dtype'], key: 'output.precision', as: 'precision' },
  {
    names: ['save_every_n_steps', 'save_steps', 'save_interval'],
    key: 'output.save_every',
  },
  { names: ['save_every_n_epochs'], key: 'output.save_every', as: 'epochs' },
  { names: ['checkpointing_steps', 'checkpoint_step_interval'], key: 'output.checkpoint_every' },
  { names: ['checkpoint_epoch_interval'], key: 'output.checkpoint_every', as: 'epochs' },
  { names: ['max_step_saves_to_keep', 'save_last_n_epochs'], key: 'output.save_keep' },
  { names: ['checkpoints_total_limit', 'rolling_backup_count'], key: 'output.checkpoint_keep' },
  { names: ['no_metadata'], key: 'output.metadata', as: 'noneIfTrue' },
];

const resources: readonly ForeignWord[] = [
  { names: ['train_device', 'gpu_ids', 'gpu_id'], key: 'resources.device', as: 'card' },
  {
    names: ['mixed_precision', 'train_dtype', 'weight_dtype', 'torch_dtype', 'dtype', 'base_model_default_dtype'],
    key: 'resources.precision',
    as: 'precision',
  },
  { names: ['full_bf16'], key: 'resources.precision', as: 'bf16IfTrue' },
  { names: ['full_fp16'], key: 'resources.precision', as: 'fp16IfTrue' },
  { names: ['no_half_vae'], key: 'resources.vae_precision', as: 'fp32IfTrue' },
  { names: ['vae_dtype', 'vae_weight_dtype'], key: 'resources.vae_precision', as: 'precision' },
  {
    names: ['use_gradient_checkpointing', 'enable_gradient_checkpointing', 'grad_checkpointing'],
    key: 'resources.gradient_checkpointing',
    as: 'checkpointing',
  },
  { names: ['fp8_base', 'fp8_base_unet'], key: 'resources.base_precision', as: 'fp8IfTrue' },
  {
    names: ['base_model_precision', 'unet_weight_dtype', 'qtype'],
    key: 'resources.base_precision',
    as: 'packing',
    note: 'it is kept so and computed with in resources.precision',
  },
  { names: ['use_channels_last', 'opt_channels_last'], key: 'resources.channels_last' },
  { names: ['allow_tf32', 'enable_tf32'], key: 'resources.tf32' },
  { names: ['torch_compile', 'use_torch_compile'], key: 'resources.compile' },
  {
    names: ['max_data_loader_n_workers', 'dataloader_num_workers', 'dataloader_threads', 'num_workers'],
    key: 'resources.workers',
  },
  { names: ['num_cpu_threads_per_process'], key: 'resources.threads' },
];

export const foreignWords: readonly ForeignWord[] = [
  ...dataset,
  ...model,
  ...length,
  ...rates,
  ...adapter,
  ...samples,
  ...output,
  ...resources,
];

export const lostWords: readonly LostWord[] = [
  {
    names: ['v2', 'sdxl', 'is_xl', 'is_sdxl', 'sd_version', 'model_type', 'model_family', 'arch'],
    say: 'the kind of model is read from the model itself: remove the line',
  },
  {
    names: ['output_dir', 'output_model_destination', 'training_folder', 'logging_dir', 'workspace_dir', 'cache_dir'],
    say: 'a run and its LoRA lie in the workspace (--workspace DIR): remove the line',
  },
  { names: ['save_model_as', 'output_model_format'], say: 'the LoRA is always a .safetensors file: remove the line' },
  {
    names: ['save_state', 'save_state_on_train_end', 'resume', 'resume_from_checkpoint', 'continue_last_backup'],
    say: 'every checkpoint can be gone on from, with visiontrain resume RUN: remove the line',
  },
  {
    names: [
      'cache_latents',
      'cache_latents_to_disk',
      'latent_caching',
      'cache_text_encoder_outputs',
      'cache_text_encoder_outputs_to_disk',
      'cache_text_embeddings',
      'vae_batch_size',
    ],
    say: 'what pictures and captions are encoded to is always kept: remove the line',
  },
  {
    names: [
      'xformers',
      'sdpa',
      'mem_eff_attn',
      'enable_xformers_memory_efficient_attention',
      'attention_mechanism',
      'cross_attention',
    ],
    say: 'PyTorch’s own fast attention is always on: remove the line',
  },
  {
    names: [
      'lowram',
      'lowvram',
      'low_vram',
      'highvram',
      'quantize',
      'blocks_to_swap',
      'layer_offload_fraction',
      'fused_backward_pass',
    ],
    say: 'memory is saved with resources.gradient_checkpointing: full, resources.base_precision: int8 and resources.stream_base: true',
  },
  {
    names: ['network_module', 'training_method', 'lycoris_preset'],
    say: 'training.adapter says what is trained: lora (with conv_rank a LoCon), loha or lokr',
  },
  {
    names: ['concepts', 'concept_file_name', 'dataset_config', 'data_backend_config'],
    say: 'one folder is trained on, dataset.path, with all its sub-folders',
  },
  {
    names: ['sample_at_first', 'sample_before_training'],
    say: 'samples are always made before and after: remove the line',
  },
  {
    names: ['network_args'],
    say: 'each of these has a key of its own in training, such as conv_rank, conv_alpha, rank_dropout',
  },
  { names: ['max_token_length'], say: 'captions are read up to 225 tokens, as far as they go: remove the line' },
  { names: ['keep_tokens_separator'], say: 'here dataset.keep_tags says how many tags stay in front' },
  { names: ['secondary_separator', 'enable_wildcard'], say: 'captions are taken as they are: remove the line' },
  {
    names: ['is_reg', 'num_class_images'],
    say: 'regularisation pictures have a folder of their own: dataset.regularisation: {path: ./women, class_word: woman}',
  },
  {
    names: ['use_ema', 'ema', 'ema_decay', 'ema_config', 'ema_update_step_interval'],
    say: 'no average of the weights is kept here: remove the line',
  },
  {
    names: [
      'loss_weight_strength',
      'color_aug',
      'face_crop_aug_range',
      'dim_from_weights',
      'stop_text_encoder_training',
      'noise_scheduler',
      'lr_decay_steps',
      'learning_rate_scaler',
      'noise_offset_type',
      'save_n_epoch_ratio',
      'save_last_n_steps',
      'face_crop_aug',
      'training_comment',
      'metadata_title',
      'metadata_author',
      'metadata_description',
      'metadata_license',
      'metadata_tags',
    ],
    say: 'nothing here does the same: remove the line',
  },
  {
    names: ['log_with', 'report_to', 'wandb_run_name', 'wandb_api_key', 'log_tracker_name', 'tracker_project_name'],
    say: 'every run keeps its own events and log (visiontrain status RUN, logs RUN): remove the line',
  },
  {
    names: ['push_to_hub', 'hub_token', 'hub_model_id', 'huggingface_repo_id', 'huggingface_token'],
    say: 'nothing is uploaded, and no token belongs in a file: remove the line',
  },
  {
    names: ['persistent_data_loader_workers', 'ddp_timeout', 'dynamo_backend', 'tokenizer_name', 'revision', 'variant'],
    say: 'it is not needed here: remove the line',
  },
];

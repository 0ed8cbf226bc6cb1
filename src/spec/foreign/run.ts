/** Words of other trainers for samples, files and the machine. */
import type { ForeignWord } from './word.ts';

export const runWords: readonly ForeignWord[] = [
  // Words for samples.
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
  // Words for output files.
  { names: ['output_name', 'job_name', 'run_name', 'lora_name'], key: 'name' },
  { names: ['save_precision', 'save_dtype', 'output_dtype'], key: 'output.precision', as: 'precision' },
  {
    names: ['save_every_n_steps', 'save_steps', 'save_interval'],
    key: 'output.save_every',
  },
  { names: ['save_every_n_epochs'], key: 'output.save_every', as: 'epochs' },
  { names: ['backup_after'], key: 'output.checkpoint_every' },
  { names: ['checkpointing_steps', 'checkpoint_step_interval'], key: 'output.checkpoint_every' },
  { names: ['checkpoint_epoch_interval'], key: 'output.checkpoint_every', as: 'epochs' },
  { names: ['max_step_saves_to_keep', 'save_last_n_epochs'], key: 'output.save_keep' },
  { names: ['checkpoints_total_limit', 'rolling_backup_count'], key: 'output.checkpoint_keep' },
  { names: ['no_metadata'], key: 'output.metadata', as: 'noneIfTrue' },
  // Words for the machine.
  { names: ['train_device', 'gpu_ids', 'gpu_id'], key: 'resources.device', as: 'card' },
  {
    names: ['mixed_precision', 'train_dtype', 'weight_dtype', 'torch_dtype', 'dtype', 'base_model_default_dtype'],
    key: 'resources.precision',
    as: 'precision',
  },
  { names: ['full_bf16'], key: 'resources.precision', as: 'bf16IfTrue' },
  { names: ['full_fp16'], key: 'resources.precision', as: 'fp16IfTrue' },
  { names: ['no_half_vae', 'sdxl_no_half_vae'], key: 'resources.vae_precision', as: 'fp32IfTrue' },
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
  { names: ['text_encoder_weight_dtype'], key: 'resources.text_precision', as: 'packing' },
  { names: ['use_channels_last', 'opt_channels_last'], key: 'resources.channels_last' },
  { names: ['allow_tf32', 'enable_tf32'], key: 'resources.tf32' },
  { names: ['torch_compile', 'use_torch_compile'], key: 'resources.compile' },
  {
    names: ['max_data_loader_n_workers', 'dataloader_num_workers', 'dataloader_threads', 'num_workers'],
    key: 'resources.workers',
  },
  { names: ['num_cpu_threads_per_process'], key: 'resources.threads' },
];

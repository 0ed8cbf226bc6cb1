/** Words of other trainers that have no key here: details of layers, launchers and samples. */
import type { WordWithoutKey } from './word.ts';

export const lostDetails: readonly WordWithoutKey[] = [
  {
    names: [
      'block_alphas',
      'block_dims',
      'conv_block_alphas',
      'conv_block_dims',
      'conv_dims',
      'conv_alphas',
      'down_lr_weight',
      'mid_lr_weight',
      'up_lr_weight',
      'block_lr_zero_threshold',
      'block_lr',
    ],
    say: 'ranks, alphas and rates of blocks are rules in training.layers: [{match: "lora_unet_down_blocks_*", rate: 0.5}]',
  },
  {
    names: [
      'unit',
      'train_on_input',
      'use_cp',
      'use_tucker',
      'use_scalar',
      'constrain',
      'constraint',
      'rescaled',
      'rank_dropout_scale',
      'train_norm',
      'bypass_mode',
      'wd_on_output',
      'block_size',
      'lokr_use_tucker',
      'lora_decompose_norm_epsilon',
      'lora_decompose_output_axis',
      'oft_block_size',
      'oft_block_share',
      'oft_scaled',
    ],
    say: 'layers here have no such variant: remove the line',
  },
  {
    names: ['weighted_captions'],
    say: 'weights in captions, as in (word:1.2), are read as plain text: remove the line',
  },
  { names: ['no_token_padding'], say: 'captions are padded to 77 tokens, as the base was trained: remove the line' },
  {
    names: [
      'multi_gpu',
      'num_machines',
      'num_processes',
      'main_process_port',
      'dynamo_mode',
      'dynamo_use_dynamic',
      'dynamo_use_fullgraph',
      'extra_accelerate_launch_args',
      'device_indexes',
      'gradient_reduce_precision',
      'fused_gradient_reduce',
      'async_gradient_reduce',
      'async_gradient_reduce_buffer',
    ],
    say: 'resources.devices says on how many cards a run trains, and resources.nodes on how many machines: remove the line',
  },
  {
    names: ['lr_scheduler_type', 't_max', 'eta_min', 'custom_learning_rate_scheduler', 'scheduler_params'],
    say: 'a schedule is one of those of training.schedule: remove the line',
  },
  {
    names: ['network_train_text_encoder_only'],
    say: 'the U-Net is always trained; leave parts of it out with training.layers',
  },
  {
    names: ['sdxl_cache_text_encoder_outputs', 'metadata_file', 'conditioning_data_dir', 'save_last_n_steps_state'],
    say: 'it is not needed here: remove the line',
  },
  {
    names: ['learning_rate_te2', 'text_encoder_lr2'],
    say: 'both text encoders have the rate training.text_encoder_learning_rate',
  },
  {
    names: ['use_wandb', 'log_tracker_config', 'wandb_project', 'project_name'],
    say: 'services are named in logging.trackers: [{to: wandb, project: foxes}]',
  },
  {
    names: ['token_string', 'init_word', 'num_vectors_per_token', 'embedding_learning_rate'],
    say: 'an embedding is trained beside a LoRA: training.pivotal: {tokens: 2, initial: brown dog}',
  },
  {
    names: ['weights', 'template'],
    say: 'an embedding alone is not trained here, only beside a LoRA (training.pivotal): remove the line',
  },
  {
    names: ['fused_optimizer_groups', 'async_offloading', 'enable_autocast_cache', 'fallback_train_dtype'],
    say: 'memory is saved with resources.base_precision and resources.stream_base: remove the line',
  },
  { names: ['train_unet'], say: 'the U-Net is always trained: remove the line' },
  {
    names: ['width', 'height', 'sample_width', 'sample_height'],
    say: 'samples have the size of dataset.resolution, and a prompt may have its own behind it: --w 768 --h 1024',
  },
  {
    names: ['walk_seed', 'sample_start_step', 'sample_skip_first', 'network_multiplier', 'non_ema_sampling'],
    say: 'a sample has the seed samples.seed plus its place, and a prompt may have its own: --d 7, --am 0.8',
  },
  {
    names: ['save_skip_first', 'save_format', 'rolling_backup', 'lora_weight_dtype'],
    say: 'a LoRA file is written with each checkpoint, as output.save_every says',
  },
  {
    names: [
      'masked_prior_preservation_weight',
      'custom_conditioning_image',
      'generalized_offset_noise',
      'log_cosh_strength',
      'vb_loss_strength',
      'loss_scaler',
      'timestep_shift',
      'dynamic_timestep_shifting',
    ],
    say: 'no loss or noise here does the same: remove the line',
  },
  {
    names: ['timestep_type', 'bypass_guidance_embedding', 'max_denoising_steps'],
    say: 'it is for models of another kind: remove the line',
  },
  { names: ['quantize_te', 'qtype_te'], say: 'text encoders in fewer bits: resources.text_precision: int8' },
  {
    names: [
      'async_upload',
      'huggingface_path_in_repo',
      'huggingface_repo_type',
      'huggingface_repo_visibility',
      'resume_from_huggingface',
      'save_state_to_huggingface',
    ],
    say: 'nothing is uploaded while a run trains; visiontrain publish hub RUN does so afterwards: remove the line',
  },
];

/** Words of other trainers that have no key here. */
import { lostDetails } from './lost-details.ts';
import type { WordWithoutKey } from './word.ts';

export const lostWords: readonly WordWithoutKey[] = [
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
  {
    names: ['keep_tokens_separator'],
    say: 'here it is dataset.caption_options: {keep_separator: "|||"}',
  },
  {
    names: ['secondary_separator', 'enable_wildcard', 'caption_dropout_every_n_epochs', 'protected_tags_file'],
    say: 'here they are in dataset.caption_options: {group_separator: ";;;", wildcards: true, lines: random, dropout_every_epochs: 3, protected: [red hair]}',
  },
  {
    names: ['is_reg', 'num_class_images'],
    say: 'regularisation pictures have a folder of their own: dataset.regularisation: {path: ./women, class_word: woman}',
  },
  {
    names: ['stop_text_encoder_training', 'stop_training_after'],
    say: 'it is a share of the run here: training.text_encoder_until: 0.5 ends it at half',
  },
  {
    names: ['dim_from_weights'],
    say: 'kind, rank and alpha of training.init_lora are taken where none is given: remove the line',
  },
  {
    names: ['base_weights', 'base_weights_multiplier'],
    say: 'a list here: model.merge_loras: [{path: ./style.safetensors, strength: 0.8}]',
  },
  {
    names: ['use_ema', 'ema', 'ema_decay', 'ema_config', 'ema_update_step_interval'],
    say: 'here it is training.ema: {decay: 0.999, every: 1}, and null is off',
  },
  {
    names: [
      'loss_weight_strength',
      'face_crop_aug_range',
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
  ...lostDetails,
  {
    names: ['push_to_hub', 'hub_token', 'hub_model_id', 'huggingface_repo_id', 'huggingface_token'],
    say: 'nothing is uploaded, and no token belongs in a file: remove the line',
  },
  {
    names: ['persistent_data_loader_workers', 'ddp_timeout', 'dynamo_backend', 'tokenizer_name', 'revision', 'variant'],
    say: 'it is not needed here: remove the line',
  },
];

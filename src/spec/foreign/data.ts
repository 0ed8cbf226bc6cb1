/** Words of other trainers for the data set and the base model. */
import type { ForeignWord } from './word.ts';

export const dataWords: readonly ForeignWord[] = [
  // Dataset
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
  {
    names: ['color_aug'],
    key: 'dataset.augment',
    as: 'colorAug',
    note: 'variations are made once and cached, where sd-scripts changes colours at each use',
  },
  { names: ['center_crop'], key: 'dataset.crop', as: 'centerCrop' },
  { names: ['flip_aug', 'random_flip', 'flip_x', 'enable_random_flip'], key: 'dataset.flip' },
  { names: ['validation_split'], key: 'dataset.validation_share' },
  { names: ['validate_every_n_steps', 'eval_steps_interval'], key: 'validation.every' },
  { names: ['validate_every_n_epochs', 'eval_epoch_interval'], key: 'validation.every', as: 'epochs' },
  // Model
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

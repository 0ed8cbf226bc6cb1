/** Words of other trainers for the length of a run, the optimiser and the LoRA. */
import type { ForeignWord } from './word.ts';

export const trainingWords: readonly ForeignWord[] = [
  // Length
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
  // Rates
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
  // Adapter
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

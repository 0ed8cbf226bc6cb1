/**
 * Plain explanations of the terms of training: the one source of the wizard's `?`, of `visiontrain explain` and of
 * docs/glossary.md. They are written for someone who makes pictures, not for someone who builds models.
 */
import { nearest } from '../base/nearest.ts';

export interface Term {
  readonly term: string;
  /** Other words for the term, in lower case. */
  readonly also?: readonly string[];
  readonly group:
    | 'What you make'
    | 'Your pictures'
    | 'The base model'
    | 'Training'
    | 'Looking at the result'
    | 'The machine';
  readonly text: string;
  /** Keys of run.yaml that the entry explains. */
  readonly keys?: readonly string[];
}

export const glossary: readonly Term[] = [
  {
    term: 'LoRA',
    also: ['lora', 'low-rank adaptation', 'adapter'],
    group: 'What you make',
    text: 'A small file that teaches an existing picture model something new: a character, a style, a concept. It is loaded beside the model, can be made stronger or weaker, and mixed with others. It holds only the change, so it is 10 to 200 MB instead of several GB.',
  },
  {
    term: 'trigger word',
    also: ['trigger', 'activation word', 'instance token'],
    group: 'What you make',
    text: 'The word in a prompt that calls what your LoRA has learnt. Best one the base model knows nothing about, such as zfxmblm: a real word would drag its old meaning along, and lose it everywhere else.',
    keys: ['dataset.trigger'],
  },
  {
    term: 'goal',
    group: 'What you make',
    text: 'What the pictures teach: a character or thing (one subject that looks the same each time), a style (how pictures are drawn, whatever they show), or a concept (a pose, a kind of place). It picks the recipe.',
    keys: ['dataset.goal'],
  },
  {
    term: 'recipe',
    also: ['preset'],
    group: 'What you make',
    text: 'The settings that suit a base model and a goal, with a source for each. Everything you do not choose yourself comes from it, and run.yaml says so beside each value: preset.',
  },
  {
    term: 'run.yaml',
    also: ['run', 'spec'],
    group: 'What you make',
    text: 'The file with every choice of a training run, also those you never saw, each with a comment on who chose it. The same run.yaml on the same kind of machine gives the same LoRA again, byte for byte.',
  },
  {
    term: 'safetensors',
    group: 'What you make',
    text: 'The file format of models and LoRAs that holds numbers and nothing else. The older .ckpt and .pt files can run code when they are opened; visiontrain refuses them.',
  },
  {
    term: 'data set',
    also: ['dataset', 'pictures'],
    group: 'Your pictures',
    text: 'The folder of pictures you train on. 15 to 40 good ones beat 200 mixed ones: sharp, varied in pose, light and background, and alike only in what you want to teach. Nothing in the folder is ever changed.',
    keys: ['dataset.path'],
  },
  {
    term: 'caption',
    also: ['captions', 'tags', 'shuffle tags', 'keep tags', 'default caption', 'caption extension'],
    group: 'Your pictures',
    text: 'Words that say what a picture shows, in a .txt file of the same name beside it. Name what should stay free to change (pose, clothes, background); what you leave out is learnt as part of the trigger word.',
    keys: ['dataset.default_caption', 'dataset.shuffle_tags', 'dataset.keep_tags'],
  },
  {
    term: 'tagger',
    also: [
      'taggers',
      'captioner',
      'captioners',
      'write',
      'threshold',
      'character threshold',
      'florence',
      'blip',
      'wd tagger',
    ],
    group: 'Your pictures',
    text: 'A model that looks at a picture and names what it shows: a tagger in booru tags, each with a probability, a captioner in a sentence. What it writes lies outside your folder, is found again by the content of the picture, and never stands before a caption of your own. The threshold is the least probability of a tag that is taken.',
    keys: ['captions.write', 'captions.tagger', 'captions.captioner', 'captions.threshold'],
  },
  {
    term: 'bucket',
    also: ['buckets', 'aspect ratio', 'bucket step', 'bucket min', 'bucket max'],
    group: 'Your pictures',
    text: 'A group of pictures of the same shape. Each picture is scaled to the bucket nearest to its own shape, so that portraits stay portraits and little is cut off.',
    keys: ['dataset.buckets', 'dataset.bucket_step', 'dataset.bucket_min', 'dataset.bucket_max'],
  },
  {
    term: 'resolution',
    group: 'Your pictures',
    text: 'The size pictures are trained at, as the side of a square of the same area: 512 for SD1.5, 1024 for SDXL and its relatives. Take what the base model was made for; smaller learns less detail, larger needs far more memory.',
    keys: ['dataset.resolution'],
  },
  {
    term: 'repeats',
    group: 'Your pictures',
    text: 'How often each picture is used in one epoch. It only changes what one epoch means: the number of steps decides how long the training is.',
    keys: ['dataset.repeats'],
  },
  {
    term: 'dropout',
    also: ['caption dropout', 'tag dropout', 'rank dropout', 'module dropout'],
    group: 'Your pictures',
    text: 'Leaving something out by chance, so that the model cannot lean on it: whole captions (caption dropout), single tags (tag dropout), or parts of the LoRA (training dropout). A little works against copying; a lot unlearns.',
    keys: [
      'dataset.caption_dropout',
      'dataset.tag_dropout',
      'training.dropout',
      'training.rank_dropout',
      'training.module_dropout',
    ],
  },
  {
    term: 'mask',
    also: ['masks', 'masked loss', 'masked training', 'alpha mask'],
    group: 'Your pictures',
    text: 'A grey picture of the same shape that says which part of a picture is learnt: white is, black is not. It keeps backgrounds, watermarks and other people out of a LoRA. masks finds them beside your pictures, in a folder, or in their transparency.',
    keys: ['dataset.masks'],
  },
  {
    term: 'regularisation',
    also: ['regularization', 'reg images', 'class images', 'prior preservation', 'preservation'],
    group: 'Your pictures',
    text: 'What keeps the class of your subject as it was: pictures of other women, so that "woman" does not become the one you train. preservation does it without pictures: the base model itself says what must stay.',
    keys: ['dataset.regularisation', 'training.preservation'],
  },
  {
    term: 'flip',
    group: 'Your pictures',
    text: 'Mirroring half of the uses. It makes a small set look larger, but turns writing around and gives a scar on the left cheek a twin on the right.',
    keys: ['dataset.flip'],
  },
  {
    term: 'base model',
    also: ['base', 'checkpoint model', 'model'],
    group: 'The base model',
    text: 'The big picture model your LoRA is made for: Stable Diffusion 1.5, SDXL, Pony, Illustrious and others. A LoRA works on the model it was trained on and its close relatives, not across families.',
    keys: ['model.base'],
  },
  {
    term: 'U-Net',
    also: ['unet'],
    group: 'The base model',
    text: 'The part of the base model that turns noise into a picture, step by step. Nearly everything a LoRA learns goes here.',
    keys: ['training.targets'],
  },
  {
    term: 'text encoder',
    also: ['clip', 'text encoder learning rate'],
    group: 'The base model',
    text: 'The part that turns your words into numbers the U-Net understands. Training it too binds the trigger word faster, but can bleed into other prompts, so it gets a smaller learning rate or none.',
    keys: ['training.text_encoder_learning_rate'],
  },
  {
    term: 'VAE',
    also: ['latents', 'vae precision'],
    group: 'The base model',
    text: 'The part that packs a picture into a small map of numbers (latents) and back. Training works on the packed form, so each picture is packed once and kept. It is never trained here.',
    keys: ['model.vae', 'resources.vae_precision'],
  },
  {
    term: 'epsilon prediction',
    also: ['epsilon', 'prediction', 'noise prediction'],
    group: 'The base model',
    text: 'How most models were taught: guess the noise that was added to a picture. It belongs to the base model and is read from it; a LoRA trained the other way comes out as mush.',
    keys: ['model.prediction'],
  },
  {
    term: 'v prediction',
    also: ['v-prediction', 'velocity', 'vpred'],
    group: 'The base model',
    text: 'Another way of teaching: guess a mix of noise and picture. Some models use it (NoobAI V-Pred, SD 2.1), mostly to reach true black and white. As with epsilon, it belongs to the base model.',
    keys: ['model.prediction'],
  },
  {
    term: 'zero terminal SNR',
    also: ['ztsnr', 'zero-terminal snr', 'zero terminal snr'],
    group: 'The base model',
    text: 'A noise schedule that really ends in pure noise. Ordinary ones leave a trace of the picture at the noisiest step, which is why plain models struggle with very dark and very bright pictures. On only for models made so.',
    keys: ['model.zero_terminal_snr'],
  },
  {
    term: 'clip skip',
    group: 'The base model',
    text: 'Which layer of the text encoder is read, counted from the end. SD1.5 anime models were made with 2, photographic ones with 1. SDXL has it built in.',
    keys: ['model.clip_skip'],
  },
  {
    term: 'step',
    also: ['steps', 'optimizer step', 'iteration'],
    group: 'Training',
    text: 'One small correction of the LoRA, from one batch of pictures. Where you do not say how many, they follow the number of your pictures: each is used 10 to 200 times, in 500 to 4000 steps.',
    keys: ['training.steps'],
  },
  {
    term: 'epoch',
    also: ['epochs'],
    group: 'Training',
    text: 'Once through all pictures (times their repeats). 40 pictures in batches of 2 make an epoch of 20 steps.',
  },
  {
    term: 'batch',
    also: ['batch size', 'gradient accumulation', 'effective batch'],
    group: 'Training',
    text: 'How many pictures are looked at before each correction. Larger is steadier and needs more memory; gradient accumulation gets the same effect by looking several times before correcting once.',
    keys: ['training.batch_size', 'training.gradient_accumulation'],
  },
  {
    term: 'learning rate',
    also: ['lr', 'strength'],
    group: 'Training',
    text: 'How large each correction is. Too high: noise, stiff poses, burnt colours. Too low: nothing is learnt. 1e-4 (0.0001) is usual for SDXL, a little more for SD1.5.',
    keys: ['training.learning_rate'],
  },
  {
    term: 'scheduler',
    also: ['schedule', 'lr schedule', 'cosine', 'warmup', 'warm-up', 'cycles', 'rex', 'one cycle', 'schedule args'],
    group: 'Training',
    text: 'How the learning rate changes over the run. Cosine starts full and fades out gently; constant stays; rex stays high and falls late. Warm-up raises it from zero over the first steps, so that the start does no harm.',
    keys: ['training.schedule', 'training.schedule_args', 'training.warmup', 'training.cycles'],
  },
  {
    term: 'optimizer',
    also: [
      'optimiser',
      'adamw',
      'adamw8bit',
      'adafactor',
      'prodigy',
      'lion',
      'came',
      'weight decay',
      'betas',
      'optimizer args',
    ],
    group: 'Training',
    text: 'The rule that turns what was seen into a correction. AdamW is the standard; its 8-bit form, Adafactor, Lion and CAME save memory; Prodigy finds its own learning rate. optimizer_args are checked against what each takes.',
    keys: ['training.optimizer', 'training.optimizer_args', 'training.weight_decay', 'training.betas'],
  },
  {
    term: 'rank',
    also: ['dim', 'network dim', 'network rank', 'conv rank', 'locon'],
    group: 'Training',
    text: 'The size of the LoRA: how many directions each layer may learn. 8 to 32 is plenty for a character, 32 to 64 for a rich style. More makes a larger file that copies more easily. A conv rank above 0 makes it a LoCon: the convolutions learn too.',
    keys: ['training.rank', 'training.conv_rank'],
  },
  {
    term: 'alpha',
    also: ['network alpha', 'conv alpha'],
    group: 'Training',
    text: 'A volume knob: the LoRA acts times alpha ÷ rank. With alpha = rank it is 1. Changing it is like changing the learning rate, so leave it to the recipe.',
    keys: ['training.alpha', 'training.conv_alpha'],
  },
  {
    term: 'min-SNR gamma',
    also: ['min snr', 'min snr gamma', 'snr', 'gamma'],
    group: 'Training',
    text: 'Evens out how much the noisy and the nearly finished stages of a picture count, so that training is steadier. 5 is usual; null in run.yaml turns it off.',
    keys: ['training.min_snr_gamma'],
  },
  {
    term: 'loss weighting',
    also: ['soft min snr', 'debiased', 'debiased estimation', 'p2', 'p2 gamma', 'v like loss', 'scale v loss'],
    group: 'Training',
    text: 'How much each stage of noise counts: min-SNR and its soft form cut down the nearly finished stages, debiased lifts them more gently, p2 cuts them by a power. Only one can be chosen, since two would undo each other.',
    keys: ['training.loss_weighting', 'training.p2_gamma', 'training.scale_v_loss', 'training.v_like_loss'],
  },
  {
    term: 'timestep',
    also: ['timesteps', 'min timestep', 'max timestep', 'timestep distribution'],
    group: 'Training',
    text: 'How much noise is on a picture in training, from 0 (none) to 1000 (nothing else). Noisy ones teach composition, clean ones detail. timesteps limits them to a part, says how often each is drawn, and can spread them evenly over each step.',
    keys: ['training.timesteps'],
  },
  {
    term: 'multires noise',
    also: ['multi-resolution noise', 'pyramid noise', 'multires noise iterations', 'multires noise discount'],
    group: 'Training',
    text: 'Noise that is coarse as well as fine, so that large shapes and brightness are learnt too. It does the work of noise offset; use one of the two. A discount of 0.1 to 0.3 suits small sets.',
    keys: ['training.multires_noise'],
  },
  {
    term: 'input perturbation',
    also: ['ip noise gamma', 'perturbation'],
    group: 'Training',
    text: 'A little noise on the picture that the model is not asked to find. It keeps a long run from copying its pictures. 0.05 to 0.1 is usual.',
    keys: ['training.input_perturbation'],
  },
  {
    term: 'LoKr and LoHa',
    also: ['lokr', 'loha', 'lycoris'],
    group: 'Training',
    text: 'Other shapes of a LoRA, from LyCORIS, which A1111, Forge and ComfyUI read. A LoKr folds each layer into two small tables and fits much into a small file; a LoHa multiplies two LoRAs with each other. diffusers reads neither.',
    keys: ['training.adapter', 'training.lokr'],
  },
  {
    term: 'DoRA',
    also: ['dora', 'weight decomposition', 'dora scale'],
    group: 'Training',
    text: 'A LoRA that learns how strong each channel is apart from where it points. It comes nearer to full training at low ranks, and takes more time. It is written in the one form that A1111, Forge and ComfyUI compute alike.',
    keys: ['training.dora'],
  },
  {
    term: 'layer rules',
    also: ['layers', 'block weights', 'block dims', 'b-lora', 'lbw'],
    group: 'Training',
    text: 'Which layers learn, and how much. [{match: "*", train: false}, {match: style}] trains a style alone, since the last rule that fits counts; a rule may also give rank, alpha and rate. Names are those of the file, with * for any text.',
    keys: ['training.layers'],
  },
  {
    term: 'rsLoRA and LoRA+',
    also: ['rslora', 'lora plus ratio', 'loraplus', 'lora+', 'rank-stabilised'],
    group: 'Training',
    text: 'Two small changes to a LoRA. rsLoRA keeps high ranks from learning too little. LoRA+ trains the half that starts at zero faster. Both change what a learning rate means, so take a lower one.',
    keys: ['training.rslora', 'training.lora_plus_ratio'],
  },
  {
    term: 'norm cap',
    also: ['max weight norm', 'scale weight norms', 'max norm'],
    group: 'Training',
    text: 'The longest change that a layer of the LoRA may hold; what grows beyond it is shortened after each step. It keeps a LoRA from burning, and lets it mix with others. 1 is usual.',
    keys: ['training.max_weight_norm'],
  },
  {
    term: 'noise offset',
    group: 'Training',
    text: 'A trick that lets a model learn very dark and very bright pictures. 0.03 to 0.05 where contrast matters; 0 for models with zero terminal SNR, which do not need it.',
    keys: ['training.noise_offset', 'training.noise_offset_random', 'training.noise_offset_adaptive'],
  },
  {
    term: 'loss',
    also: ['l1', 'l2', 'huber', 'pseudo-huber', 'smooth l1', 'huber c', 'huber schedule', 'huber scale'],
    group: 'Training',
    text: 'How wrong the guesses are, at each step. It jumps a lot, because each step sees other pictures and other noise: look at the smoothed curve, and better at the validation loss. A lower loss is not always a better LoRA.',
    keys: ['training.loss', 'training.huber_c', 'training.huber_schedule', 'training.huber_scale'],
  },
  {
    term: 'gradient clipping',
    also: ['max grad norm', 'gradient'],
    group: 'Training',
    text: 'Corrections that are suddenly far too large are cut to a maximum length, so that one odd picture cannot ruin the run.',
    keys: ['training.max_grad_norm'],
  },
  {
    term: 'seed',
    group: 'Training',
    text: 'The number all chance comes from. The same seed gives the same noise, the same order, the same result. Another seed is another, equally good run.',
    keys: ['training.seed', 'samples.seed'],
  },
  {
    term: 'sampler',
    also: ['spacing', 'schedule type', 'euler a', 'ddim', 'dpm++ 2m'],
    group: 'Looking at the result',
    text: 'How a picture is drawn from noise in some twenty steps. It changes nothing of the training. Take the one your own program draws with, and samples look as its pictures do.',
    keys: ['samples.sampler', 'samples.spacing'],
  },
  {
    term: 'checkpoint',
    also: ['checkpoints', 'resume', 'checkpoint every', 'checkpoint keep'],
    group: 'Training',
    text: 'A saved state of the run. Training can go on from it as if it had never stopped, and each holds a LoRA you can try: an earlier one is sometimes better than the last.',
    keys: ['output.checkpoint_every', 'output.checkpoint_keep'],
  },
  {
    term: 'save',
    also: ['saves', 'save every', 'save keep', 'export'],
    group: 'Training',
    text: 'A LoRA file as it is on the way, named by its step or epoch, to try in your program while the run goes on. visiontrain export makes one of any checkpoint afterwards.',
    keys: ['output.save_every', 'output.save_keep'],
  },
  {
    term: 'validation loss',
    also: ['validation', 'validation share'],
    group: 'Looking at the result',
    text: 'The loss on pictures kept out of training, always with the same noise, so that numbers can be compared. Falling: it learns. Rising again while the training loss falls: it begins to copy.',
    keys: ['dataset.validation_share', 'validation.path', 'validation.every'],
  },
  {
    term: 'early stop',
    also: ['early stopping', 'patience', 'min change'],
    group: 'Training',
    text: 'The run ends by itself once the loss on pictures kept out has risen, and not only wavered: the last few validations (patience) are compared with the lowest ones, picture by picture, with the same noise. It is off unless you switch it on, and the end says why it stopped.',
    keys: ['validation.patience', 'validation.min_change'],
  },
  {
    term: 'loss of each picture',
    also: ['image losses', 'never learned', 'known by heart'],
    group: 'Looking at the result',
    text: 'At the end the loss is measured picture by picture, with the weights of before and of after and the same noise. One whose loss hardly fell was never learned: its caption may be wrong, or it shows something else. One whose loss fell far more than that of pictures kept out of training is known by heart: fewer repeats or steps, or an earlier checkpoint. It is no measure of beauty.',
    keys: ['validation.images'],
  },
  {
    term: 'overfitting',
    also: ['overtraining', 'copying'],
    group: 'Looking at the result',
    text: 'Learning the pictures by heart instead of what they have in common: the same pose and background again and again, whatever the prompt says. Train shorter, take an earlier checkpoint, use fewer repeats or more varied pictures.',
  },
  {
    term: 'sample',
    also: ['samples', 'prompts', 'negative', 'negative prompt'],
    group: 'Looking at the result',
    text: 'A test picture made during training, always with the same prompt and seed, so that you see what changed. The end shows each with and without your LoRA.',
    keys: ['samples.prompts', 'samples.every', 'samples.negative'],
  },
  {
    term: 'guidance',
    also: ['cfg', 'cfg scale', 'guidance scale'],
    group: 'Looking at the result',
    text: 'How strictly a picture follows its prompt. 5 to 8 is usual. It only matters for samples, not for what is learnt.',
    keys: ['samples.guidance'],
  },
  {
    term: 'precision',
    also: ['bf16', 'fp16', 'fp32', 'mixed precision', 'tf32'],
    group: 'The machine',
    text: 'How many bits a number has. bf16 halves the memory and is safe on newer cards (RTX 30 and up); fp16 is for older ones and can overflow; fp32 is exact and slow. The LoRA itself is always trained in fp32.',
    keys: ['resources.precision', 'output.precision'],
  },
  {
    term: 'base precision',
    also: ['text precision', 'fp8', 'int8', 'nf4', 'quantisation', 'quantised base', 'qlora'],
    group: 'The machine',
    text: 'In how many bits the frozen weights of the base are kept until a layer needs them: 16 as usual, 8 (int8 and fp8 take half the memory, each weight wrong by about one or three hundredths) or 4 (nf4, a bit over a quarter, wrong by a tenth). They are computed with in 16 bits all the same, so a step takes longer. The LoRA is learnt on the rounded weights: int8 is hardly to be seen, nf4 may be.',
    keys: ['resources.base_precision', 'resources.text_precision'],
  },
  {
    term: 'stream base',
    also: ['streamed base', 'block swap', 'blocks to swap', 'layer offload', 'offloading', 'ramtorch'],
    group: 'The machine',
    text: "The base's weights wait in the machine's memory and are sent to the card layer by layer, the next one while the present one computes. They never change, so nothing is sent back. The card then holds two layers in place of all; the result has the same bytes. A step is as long as the bus takes, if that is longer than the card.",
    keys: ['resources.stream_base'],
  },
  {
    term: 'gradient checkpointing',
    also: ['checkpointing'],
    group: 'The machine',
    text: 'Saving memory by forgetting what was computed on the way and computing it again when needed. A run takes up to half longer and fits into far less memory. It changes nothing in the result.',
    keys: ['resources.gradient_checkpointing'],
  },
  {
    term: 'attention',
    also: ['sdpa', 'attention kernel', 'xformers', 'flash attention'],
    group: 'The machine',
    text: 'The part of a model where every place of a picture looks at every other. sdpa is the fast way built into PyTorch; math is the slow reference.',
    keys: ['resources.attention'],
  },
  {
    term: 'deterministic',
    also: ['reproducible', 'determinism'],
    group: 'The machine',
    text: 'Only ways of computing that give the same bytes each time. About a fifth slower on a graphics card, and the reason why the same run.yaml gives the same LoRA.',
    keys: ['resources.deterministic'],
  },
];

const keyOf = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ')
    .trim();

/** Finds the entry of a term, of one of its other names, or of a key of run.yaml. */
export function findTerm(wanted: string): Term | undefined {
  const key = keyOf(wanted);
  return (
    glossary.find(({ term }) => keyOf(term) === key) ??
    glossary.find(({ also }) => also?.some((other) => keyOf(other) === key)) ??
    glossary.find(({ keys }) => keys?.some((k) => keyOf(k) === key || keyOf(k.split('.')[1] ?? '') === key))
  );
}

/** The known word nearest to what was typed. */
export function nearestTerm(wanted: string): string | undefined {
  return nearest(
    keyOf(wanted),
    glossary.flatMap(({ term, also }) => [term.toLowerCase(), ...(also ?? [])]),
  );
}

/** What `?` shows: each entry as one paragraph. Terms without an entry are left out. */
export function helpFor(terms: readonly string[]): readonly string[] {
  return terms.flatMap((wanted) => {
    const found = findTerm(wanted);
    return found === undefined ? [] : [`${found.term}: ${found.text}`];
  });
}

/** The page docs/glossary.md. */
export function glossaryPage(): string {
  const names = [...new Set(glossary.map(({ group }) => group))];
  const sections = names.map((group) => {
    const entries = glossary
      .filter((entry) => entry.group === group)
      .map(({ term, text, keys }) => {
        const settings = keys === undefined ? '' : `\n\nSettings: ${keys.map((key) => `\`${key}\``).join(', ')}`;
        return `### ${term}\n\n${text}${settings}\n`;
      });
    return `## ${group}\n\n${entries.join('\n')}`;
  });
  return `# Glossary\n\nThe words of training, in plain language. The same text is behind \`?\` in the wizard and \`visiontrain explain TERM\`.\n\n${sections.join('\n')}`;
}

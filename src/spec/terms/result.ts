/** Terms for the results of a run, and for looking at them. */
import type { Term } from './term.ts';

export const resultTerms: readonly Term[] = [
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
    text: 'The word in a prompt that calls what your LoRA has learned. Best one the base model knows nothing about, such as zfxmblm: a real word would drag its old meaning along, and lose it everywhere else.',
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
    term: 'sampler',
    also: ['spacing', 'schedule type', 'euler a', 'ddim', 'dpm++ 2m'],
    group: 'Looking at the result',
    text: 'How a picture is drawn from noise in some twenty steps. It changes nothing of the training. Take the one your own program draws with, and samples look as its pictures do.',
    keys: ['samples.sampler', 'samples.spacing'],
  },
  {
    term: 'validation loss',
    also: ['validation', 'validation share'],
    group: 'Looking at the result',
    text: 'The loss on pictures kept out of training, always with the same noise, so that numbers can be compared. Falling: it learns. Rising again while the training loss falls: it begins to copy.',
    keys: ['dataset.validation_share', 'validation.path', 'validation.every'],
  },
  {
    term: 'loss of each picture',
    also: ['image losses', 'never learned', 'known by heart'],
    group: 'Looking at the result',
    text: 'At the end the loss is measured picture by picture, with the weights before and after and the same noise. A picture whose loss hardly fell was never learned: its caption may be wrong, or it shows something else. A picture whose loss fell far more than that of pictures kept out of training is known by heart: use fewer repeats or steps, or an earlier checkpoint.',
    keys: ['validation.images'],
  },
  {
    term: 'judge',
    also: ['which checkpoint', 'bleeding', 'copy risk', 'likeness', 'diversity'],
    group: 'Looking at the result',
    text: 'visiontrain judge RUN draws the same prompts and seeds with the base model and each checkpoint, and compares: likeness to pictures kept out of training; bleeding, how far prompts without the trigger moved; copies, samples nearer to one training picture than these are to each other; diversity over seeds. No number says it all: look at the pictures in the folder judge of the run.',
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
    text: 'How strictly a picture follows its prompt. 5 to 8 is usual. It only matters for samples, not for what is learned.',
    keys: ['samples.guidance'],
  },
];

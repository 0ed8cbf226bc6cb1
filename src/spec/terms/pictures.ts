/** Terms of the data set. */
import type { Term } from './term.ts';

export const pictureTerms: readonly Term[] = [
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
];

/** The section `captions` of run.yaml: captions that models write, and rules over every caption. */
import { z } from 'zod';
import { count, doc, line } from '../training/doc.ts';
import { captionKinds } from './choices.ts';

export const captionsSchema = z.strictObject({
  write: doc(
    z.enum(captionKinds).nullable().default(null),
    'Captions that are written for pictures without one: tags, sentences, both, or what an endpoint says; null: none. They lie outside the data set, and your own files always win.',
    'Tags for bases that were taught with booru tags (Pony, Illustrious), sentences for SD1.5 and SDXL.',
  ),
  tagger: doc(
    line(4096).min(1).default('wd-eva02-large-tagger-v3'),
    'What writes tags: a tagger from `visiontrain models list`, or a folder with model.onnx and selected_tags.csv.',
    'wd-vit-tagger-v3 is four times as fast on a processor.',
  ),
  threshold: doc(
    z.number().min(0.05).max(1).default(0.35),
    'Least probability of a tag.',
    '0.25 names more; 0.5 is usual for a style. Changing it runs no model again.',
  ),
  character_threshold: doc(
    z.number().min(0.05).max(1).default(0.85),
    'Least probability of the name of a known character.',
    '1 names none, for a character of your own and for styles.',
  ),
  ratings: doc(
    z.enum(['none', 'danbooru', 'pony']).default('none'),
    'Whether the tags end with a rating: of Danbooru (general, sensitive …), or as Pony knows them (rating_safe …).',
    'When the base was taught with ratings and the pictures differ in them.',
  ),
  exclude: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Tags that are never written.',
    'What the tagger sees where it is not.',
  ),
  captioner: doc(
    line(4096).min(1).default('florence-2-base'),
    'What writes sentences: a captioner from `visiontrain models list`, or a folder in the form of transformers (Florence-2, BLIP).',
    'blip-large writes short ones.',
  ),
  length: doc(
    z.enum(['short', 'medium', 'long']).default('medium'),
    'Length of a sentence by Florence-2.',
    'long names more of the background.',
  ),
  endpoint: doc(
    line(2000)
      .regex(/^https?:\/\/[^\s@]+$/u, 'must look like http://localhost:11434/v1, without a password in it')
      .nullable()
      .default(null),
    "Address of a server that speaks OpenAI's protocol, for write: endpoint. Its key is read from VISIONTRAIN_CAPTION_KEY. The pictures are sent there.",
    'For JoyCaption, Qwen-VL and others through Ollama, vLLM or llama.cpp.',
  ),
  endpoint_model: doc(line(200).default(''), 'Name of the model at the endpoint.', 'As its list of models has it.'),
  prompt: doc(
    line(4000).min(1).default('Describe this picture in one or two plain sentences.'),
    'What the model at the endpoint is asked.',
    'Ask for tags, or for what your subject needs.',
  ),
  replace: doc(
    z
      .array(line(500).regex(/^[^,]*\S\s*->.*$/u, "must look like 'old tag -> new tag'"))
      .max(1000)
      .default([]),
    'Rules over every caption, your own and written ones, in this order. First, tags that become others: old -> new. Files stay as they are.',
    'To mend spellings, or to say one thing in one way.',
  ),
  remove: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Then tags that are left out; * stands for any letters. Whole tags only: cat is not cat ears.',
    'What the trigger word is to absorb: `visiontrain dataset tags` proposes it.',
  ),
  keep_only: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Then, when there are any here, all tags but these are left out.',
    'To train on a few tags only.',
  ),
  dedupe: doc(
    z.boolean().default(false),
    'Then tags that come again are left out, whatever their case and underscores.',
    'When captions were joined from several sources.',
  ),
  add_first: doc(
    z.array(line(200).min(1)).max(100).default([]),
    'Then tags that are put first.',
    'What every picture shows.',
  ),
  add_last: doc(z.array(line(200).min(1)).max(100).default([]), 'And tags that are put last.', 'A style or a rating.'),
  limit: doc(
    count(0, 1000).default(0),
    'At last, most tags of a caption; 0: all.',
    'Long lists of tags teach each of them less.',
    'tags',
  ),
  protect: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Tags that no rule removes; * stands for any letters.',
    'To remove *hair but red hair.',
  ),
});

/** The entry of `visiontrain lora` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const loraEntry: CommandEntry = {
  name: 'lora',
  args: '<action> [file...]',
  summary: 'LoRA files of any trainer: inspect, check, diff, edit, resize, merge, convert',
  group: 'Assets',
  options: [
    ['--base <model>', 'check: what fits this base (id, file, folder)? Others: weights that OFT, DoRA and such change'],
    ['--into <model>', 'merge: write a checkpoint with the LoRAs in it: of this one (id, file or diffusers folder)'],
    ['-o, --output <file>', 'the new file; a file that is there is not replaced'],
    ['--rank <n>', 'resize, merge, convert: the most that a layer gets; a LoHa, LoKr or OFT becomes a LoRA by it'],
    ['--keep <share>', 'resize: less where this share of a layer is kept by less, as in 0.95'],
    ['--by <rule>', 'resize: what --keep is a share of: fro (norm), sum, ratio'],
    ['--to <form>', 'convert: kohya or diffusers'],
    ['--precision <format>', 'resize, merge, convert: fp32, bf16 or fp16 (default: as the first file)'],
    ['--in-place', 'edit: change the file itself; its weights stay'],
    ['--title <text>', 'edit: set it; an empty text takes it away, as in all of these'],
    ['--author <text>', 'edit: who made it'],
    ['--description <text>', 'edit: what it is'],
    ['--license <text>', 'edit: what others may do with it'],
    ['--tags <text>', 'edit: words with commas between them'],
    ['--usage-hint <text>', 'edit: how it is used, as in "strength 0.8"'],
    ['--trigger <text>', 'edit: the words that call it'],
    ['--thumbnail <file>', 'edit: a PNG or JPEG; it is made small'],
  ],
  examples: [
    'visiontrain lora inspect fox.safetensors',
    'visiontrain lora check ~/loras/*.safetensors --base sdxl',
    'visiontrain lora diff fox.safetensors fox-16.safetensors',
    'visiontrain lora resize fox.safetensors --rank 16 -o fox-16.safetensors',
    'visiontrain lora merge fox.safetensors:0.7 ink.safetensors:0.4 -o both.safetensors',
    'visiontrain lora merge fox.safetensors:0.8 --into base.safetensors -o base-fox.safetensors',
    'visiontrain lora edit fox.safetensors --author Ann --license CC-BY-4.0 --in-place',
  ],
  load: () => import('./index.ts'),
};

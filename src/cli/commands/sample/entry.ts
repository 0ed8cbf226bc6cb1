/** The entry of `visiontrain sample` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const sampleEntry: CommandEntry = {
  name: 'sample',
  args: '[run]',
  summary: 'draw pictures with LoRA files of any trainer, or with the checkpoints of a run, side by side',
  group: 'Runs',
  options: [
    ['--lora <file[:strength,…]>', 'a LoRA file, with the strengths to draw at (repeatable: all act together)', 'list'],
    ['--prompt <text>', 'what is drawn, with --n --w --h --d --s --l behind it as in run.yaml (repeatable)', 'list'],
    ['--prompts <file>', 'a text file with a prompt on each line'],
    ['--negative <text>', 'the negative prompt of all'],
    ['--step <list>', 'of a run: the checkpoints of these steps, such as 400,800 (default: the last), or all'],
    ['--strength <list>', 'strengths for LoRAs that name none, such as 0.6,0.8,1 (default 1)'],
    ['--seed <list>', 'each prompt with each of these seeds'],
    ['--steps <n>', 'denoising steps'],
    ['--guidance <n>', 'classifier-free guidance scale'],
    ['--size <WxH>', 'width and height, or one number for both'],
    ['--sampler <name>', 'ddim, euler, euler_a or dpmpp_2m'],
    ['--spacing <name>', 'normal, trailing or karras'],
    ['--base <model>', 'with --lora: the base model (id or file), where the LoRA does not tell it'],
    ['--grid <axes>', 'what the columns are, and then the rows: strength, step, prompt, seed'],
    ['--precision <format>', 'with --lora: compute in fp32, bf16 or fp16'],
    ['--device <name>', 'auto, cpu, cuda:1 …'],
    ['-o, --output <folder>', 'folder of the pictures (default: samples-NAME)'],
  ],
  examples: [
    'visiontrain sample fox --step 400,800,1200 --prompt "zfx, a fox in the snow"',
    'visiontrain sample --lora fox.safetensors:0.6,0.8,1 --prompt "zfx, a fox" --seed 1,2,3',
    'visiontrain sample --lora fox.safetensors --lora ink.safetensors:0.4 --prompts prompts.txt --base sdxl',
    'visiontrain sample --lora fox.safetensors --prompt "zfx, a fox" --grid strength,seed -o grid',
  ],
  load: () => import('./index.ts'),
};

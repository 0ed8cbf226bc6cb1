import { expect, it } from 'vitest';
import { stepLines } from '../../src/terminal/next-steps.ts';

it.each<[string, number, string[]]>([
  ['visiontrain ps   lists them all', 40, ['visiontrain ps   lists them all']],
  ['visiontrain run runs/fox/run.yaml --set a=1', 20, ['visiontrain run runs/fox/run.yaml --set a=1']],
  ['visiontrain attach fox   to watch it', 30, ['visiontrain attach fox', '  to watch it']],
  ['Set HOME:  export HOME=/path', 20, ['Set HOME:', '  export HOME=/path']],
  ['See them: visiontrain models list', 24, ['See them:', '  visiontrain models list']],
  ['Run `visiontrain resume fox`: the rest comes', 30, ['Run `visiontrain resume fox`:', 'the rest comes']],
  ['  env -u LD_PRELOAD visiontrain setup', 20, ['  env -u LD_PRELOAD visiontrain setup']],
])('%j in %i cells', (step, cells, lines) => {
  expect(stepLines(step, cells)).toEqual(lines);
});

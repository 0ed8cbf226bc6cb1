import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState } from '../../../src/engine/events/run-state.ts';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { crc32c } from '../../../src/engine/logging/crc32c.ts';
import { prometheusText } from '../../../src/engine/logging/prometheus.ts';
import { loggedUpTo, openEventFile } from '../../../src/engine/logging/tensorboard.ts';
import { textRates } from '../../../src/engine/logging/text-rates.ts';
import { valueLog } from '../../../src/engine/logging/values.ts';

let dir = '';
const fresh = () => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-logging-'));
  writeFileSync(join(dir, 'run.yaml'), 'name: fox\n');
  return dir;
};
afterEach(() => rmSync(dir, { recursive: true, force: true }));

let seq = 0;
const event = (type: string, more: object): RunEvent => {
  seq += 1;
  return { v: 2, seq, t: 1000 + seq, type, ...more } as RunEvent;
};
const start = (step: number) => event('start', { step, steps: 100, batches_per_epoch: 4 });
const step = (n: number, loss: number, more: object = {}) =>
  event('step', { step: n, epoch: 1, loss, lr: 1e-4, ...more });
const png = readFileSync(join(import.meta.dirname, '../../../presets/tiny/lesson', sampleFile()));
function sampleFile(): string {
  const found = readdirSync(join(import.meta.dirname, '../../../presets/tiny/lesson')).find((n) => n.endsWith('.png'));
  return found ?? '';
}

/** The contents of a run's event files, read by a reader of our own in another language. */
function read(): {
  step: number;
  tag?: string;
  value?: number;
  start?: boolean;
  image?: [number, number, number];
  text?: string;
}[] {
  const reader = join(import.meta.dirname, '../../helpers/read-tfevents.py');
  return JSON.parse(execFileSync('python3', [reader, join(dir, 'tensorboard')], { encoding: 'utf8' }));
}

describe('event files', () => {
  it('have the CRC that TFRecord has', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  });

  it('hold the values of the events, the samples and the settings', () => {
    const runDir = fresh();
    mkdirSync(join(runDir, 'samples'));
    writeFileSync(join(runDir, 'samples', 'a.png'), png);
    writeFileSync(join(runDir, 'samples', 'b.png'), 'no picture');
    const file = openEventFile({ runDir, every: 1, images: true, after: 0 });
    const sample = (path: string) => event('sample', { step: 2, index: 0, path, prompt: 'p', seed: 1, adapter: true });
    file.take([
      event('run', { name: 'fox', attempt: 1, steps: 100, host: 'h', version: '1' }),
      start(0),
      step(1, 0.5, { grad_norm: 2, memory: 1e9, images_per_second: 3 }),
      step(300, 0.25),
      event('validation', { step: 300, loss: 0.125, stderr: 0.1, images: 2 }),
      event('metric', { step: 300, hook: 'on_sample', values: { clip: 0.5 } }),
      ...['samples/a.png', 'samples/b.png', '../samples/a.png', 'missing.png'].map(sample),
    ]);
    file.close();
    const all = read();
    const scalars = all.filter(({ value }) => value !== undefined);
    expect(scalars.map((v) => [v.step, v.tag, v.value])).toEqual([
      [1, 'loss/current', 0.5],
      [1, 'loss/average', 0.5],
      [1, 'lr/unet', Math.fround(1e-4)],
      [1, 'norm/grad', 2],
      [1, 'speed/images_per_s', 3],
      [1, 'memory/peak', 1e9],
      [300, 'loss/current', 0.25],
      [300, 'loss/average', 0.375],
      [300, 'lr/unet', Math.fround(1e-4)],
      [300, 'loss/validation', 0.125],
      [300, 'metric/clip', 0.5],
    ]);
    expect(all.filter(({ image }) => image !== undefined)).toEqual([
      { step: 2, tag: 'samples/0', image: [png.readUInt32BE(16), png.readUInt32BE(20), png.length] },
    ]);
    expect(all.find(({ tag }) => tag === 'config')?.text).toContain('name: fox');
  });

  it('go on where an earlier attempt stopped, and void values beyond its checkpoint', () => {
    const runDir = fresh();
    const first = [start(0), step(1, 1), step(2, 1), step(3, 1)];
    const one = openEventFile({ runDir, every: 1, images: true, after: 0 });
    one.take(first);
    expect(loggedUpTo(runDir)).toBe(first.at(-1)?.seq);
    // The first supervisor is killed here, and its trainer makes one more step.
    const alone = step(4, 1);
    const two = openEventFile({ runDir: runDir, every: 1, images: true, after: loggedUpTo(runDir) });
    two.take([...first, alone, start(2), step(3, 7)]);
    two.close();
    const losses = read().filter(({ tag, start: again }) => tag === 'loss/current' || again === true);
    expect(losses.map((v) => (v.start === true ? `start ${v.step}` : `${v.step}: ${v.value}`))).toEqual([
      '1: 1',
      '2: 1',
      '3: 1',
      '4: 1',
      'start 3',
      '3: 7',
    ]);
    for (const text of ['x', '-1', '1e99', '']) {
      writeFileSync(join(runDir, 'tensorboard/.position'), text);
      expect(loggedUpTo(runDir)).toBe(0);
    }
  });
});

describe('logged values', () => {
  it('average all steps since the last ones', () => {
    const log = valueLog(3);
    log.take(start(0));
    const taken = [1, 2, 3, 4, 5, 6, 7].map((n) => log.take(step(n, n, { grad_norm: 10 - n })));
    const at = (i: number) => Object.fromEntries((taken[i]?.values ?? []).map(({ tag, scalar }) => [tag, scalar]));
    expect(taken.map((logged) => logged?.step)).toEqual([undefined, undefined, 3, undefined, undefined, 6, undefined]);
    expect(at(2)).toMatchObject({ 'loss/current': 2, 'loss/average': 2, 'norm/grad': 9 });
    // The average is that of the last epoch of four batches.
    expect(at(5)).toMatchObject({ 'loss/current': 5, 'loss/average': 4.5, 'norm/grad': 6 });
    expect(log.rest()).toMatchObject({ step: 7 });
    expect(log.rest()).toBeUndefined();
  });

  it('have the rates of the text encoders under the names of sd-scripts, until these stop training', () => {
    const runDir = fresh();
    const logged = (training: object, n: number) => {
      writeFileSync(join(runDir, 'plan.json'), JSON.stringify({ training: { learning_rate: 2e-4, ...training } }));
      const log = valueLog(1, textRates(runDir));
      log.take(start(0));
      const { values = [] } = log.take(step(n, 1, { lr_used: 2e-4 })) ?? {};
      return Object.fromEntries(values.filter(({ tag }) => tag.startsWith('lr/')).map((v) => [v.tag, v.scalar]));
    };
    const unet = { 'lr/unet': 1e-4, 'lr/d*lr/unet': 2e-4 };
    expect(logged({ text_encoder_learning_rates: [0, 0] }, 1)).toEqual(unet);
    expect(logged({ text_encoder_learning_rates: [1e-4, 1e-4] }, 1)).toEqual({
      ...unet,
      ...{ 'lr/textencoder': 5e-5, 'lr/d*lr/textencoder': 1e-4 },
    });
    const two = { text_encoder_learning_rates: [1e-4, 4e-4], text_encoder_steps: 5 };
    expect(logged(two, 5)).toMatchObject({ 'lr/textencoder 1': 5e-5, 'lr/textencoder 2': 2e-4 });
    expect(logged(two, 6)).toMatchObject({ 'lr/textencoder 1': 0, 'lr/textencoder 2': 0, 'lr/unet': 1e-4 });
    writeFileSync(join(runDir, 'plan.json'), '{');
    expect(textRates(runDir)).toEqual([]);
  });

  it('have what the norm cap has done, under the names of sd-scripts', () => {
    const log = valueLog(2);
    log.take(start(0));
    log.take(step(1, 1, { capped: { layers: 3, mean: 0.5, largest: 1 } }));
    const { values = [] } = log.take(step(2, 1, { capped: { layers: 1, mean: 0.25, largest: 0.75 } })) ?? {};
    expect(Object.fromEntries(values.map(({ tag, scalar }) => [tag, scalar]))).toMatchObject({
      'max_norm/keys_scaled': 3,
      'max_norm/max_key_norm': 1,
      'norm/avg_key_norm': 0.375,
    });
  });

  it('take as much memory for half a million steps as for a thousand', () => {
    const log = valueLog(100_000);
    log.take(event('start', { step: 0, steps: 500_000, batches_per_epoch: 1000 }));
    let logged = 0;
    for (let n = 1; n <= 500_000; n += 1) if (log.take(step(n, 1)) !== undefined) logged += 1;
    expect(logged).toBe(5);
  });
});

describe('text for Prometheus', () => {
  it('has the newest values, and names that nothing can break out of', () => {
    const state = reduceAll(initialState, [
      event('run', { name: 'fox"\n', attempt: 1, steps: 100, host: 'h', version: '1' }),
      start(0),
      step(1, 0.5, { grad_norm: 2 }),
      event('metric', { step: 1, hook: 'on_sample', values: { clip: 0.5 } }),
    ]);
    const lines = prometheusText(state, 2000).split('\n');
    expect(lines).toContain('visiontrain_loss{run="fox\\"\\n"} 0.5');
    expect(lines).toContain('visiontrain_live{run="fox\\"\\n"} 1');
    expect(lines).toContain('visiontrain_metric{run="fox\\"\\n",name="clip"} 0.5');
    for (const line of lines)
      expect(line).toMatch(/^(# (HELP|TYPE) visiontrain_\w+ .+|visiontrain_\w+\{.+\} [-\d.e+]+|)$/);
  });
});

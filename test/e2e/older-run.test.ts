/**
 * A run folder of version 1 of events.jsonl and plan.json (`learnt`, `moved`, `pictures`, `data.samples`) under the program
 * of today. It was written by the last commit that wrote that version, from four images of the embedded lesson.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader } from '../../src/registry/checkpoints/safetensors.ts';
import { newPlace, type Place } from '../helpers/real-trainer.ts';

const root = join(import.meta.dirname, '../..');
const fixture = join(import.meta.dirname, '../fixtures/older-run');
/** The LoRA of the whole run, in its folder. */
const WHOLE = 'output/older.safetensors';
let place: Place;

beforeAll(() => {
  place = newPlace();
  mkdirSync(join(place.dir, 'pictures'));
  for (const name of ['ordinary-01', 'ordinary-02', 'zibbo-01', 'zibbo-02'])
    for (const ending of ['.png', '.txt'])
      cpSync(join(root, 'presets/tiny/lesson', name + ending), join(place.dir, 'pictures', name + ending));
  putRun('older');
});
afterAll(() => place.remove());

function putRun(name: string): string {
  const dir = join(place.dir, 'home', 'runs', name);
  cpSync(fixture, dir, { recursive: true });
  for (const file of ['plan.json', 'run.yaml']) {
    const text = readFileSync(join(dir, file), 'utf8');
    const here = text.replaceAll('@HOME@', join(place.dir, 'home')).replaceAll('@PLACE@', place.dir);
    writeFileSync(join(dir, file), here.replaceAll('@ROOT@', root));
  }
  // The claim of an ended attempt has the time 0, which Git does not keep.
  utimesSync(join(dir, 'attempts/1.json'), 0, 0);
  return dir;
}

/** The run as it was when it was stopped after step 2. */
function putStoppedRun(name: string): string {
  const dir = putRun(name);
  for (const gone of ['exit.json', 'checkpoints/step-000004', 'samples/step-000004-0.png'])
    rmSync(join(dir, gone), { recursive: true });
  for (const lora of readdirSync(join(dir, 'output'))) if (!lora.includes('step')) rmSync(join(dir, 'output', lora));
  const lines = readFileSync(join(dir, 'events.jsonl'), 'utf8').split('\n');
  const saved = lines.findIndex((line) => /"type": ?"saved"/.test(line));
  const exit = { v: 1, seq: saved + 2, t: 1796013215, type: 'exit', status: 'stopped', code: 75, step: 2 };
  writeFileSync(join(dir, 'events.jsonl'), [...lines.slice(0, saved + 1), JSON.stringify(exit), ''].join('\n'));
  writeFileSync(
    join(dir, 'exit.json'),
    JSON.stringify({ status: 'stopped', code: 75, step: 2, outputs: [], details: [], next_steps: [] }),
  );
  return dir;
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await place.visiontrain(...args, '--json');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(stdout);
}

/** Numbers of all tensors of a LoRA file in fp16 whose names end in `ending`. */
function halves(path: string, ending: string): number[] {
  const { tensors, start } = readSafetensorsHeader(path);
  const bytes = readFileSync(path).subarray(start);
  return [...tensors].sort().flatMap(
    ([
      name,
      {
        offsets: [from, to],
      },
    ]) => {
      const words = Array.from({ length: (to - from) / 2 }, (_, i) => bytes.readUInt16LE(from + 2 * i));
      const value = (bits: number) => {
        const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
        const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
        return bits >> 15 ? -size : size;
      };
      return name.endsWith(ending) ? words.map(value) : [];
    },
  );
}

/**
 * The distance between what two files learned, as a share of the first: 1 or more where they have nothing in common.
 */
function distance(first: string, second: string): number {
  const [a, b] = [halves(first, 'lora_up.weight'), halves(second, 'lora_up.weight')];
  expect([a.length > 100, b.length]).toEqual([true, a.length]);
  return Math.hypot(...a.map((value, i) => value - (b[i] ?? 0))) / Math.hypot(...a);
}

const events = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a run of version 1', { timeout: 600_000 }, () => {
  it('is listed, told and watched in the words of today', async () => {
    expect(JSON.stringify(await json('ps'))).toContain('"older"');
    expect(await json('status', 'older')).toMatchObject({
      state: 'finished',
      learned: 'unknown',
      images_per_second: expect.any(Number),
    });
    const { code, stdout } = await place.visiontrain('attach', 'older', '--json');
    const told = events(stdout);
    expect([code, new Set(told.map(({ v }) => v))]).toEqual([0, new Set([2])]);
    expect(told.find(({ type }) => type === 'learned')).toMatchObject({
      verdict: 'unknown',
      weight_change: { 'unet.middle': expect.any(Number) },
    });
    expect(told.filter(({ type }) => type === 'validation').map(({ images }) => images)).toEqual([1, 1, 1]);
    const plain = await place.visiontrain('attach', 'older', '--plain');
    expect(plain.stdout).toContain('4 of 4 pictures');
    expect(plain.stdout).toMatch(/learned +cannot be told/);
  });

  it('is reported and exported', async () => {
    const report = await json('report', 'older');
    expect(report).toMatchObject({
      learned: { verdict: 'unknown', weight_change: { 'unet.middle': expect.any(Number) } },
      dataset: { images: 3 },
    });
    const made = await place.visiontrain('export', 'older', '--step', '2', '--to', place.dir);
    expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
    expect(readdirSync(place.dir).filter((name) => name.endsWith('.safetensors'))).toHaveLength(1);
  });

  it('is judged', async () => {
    const { code, stdout, stderr } = await place.visiontrain(
      'judge',
      'older',
      '--seeds',
      '1',
      '--steps',
      '2',
      '--json',
    );
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'done', rows: [{}, { step: 2 }] });
  });

  it('is verified, and compared with the run that verifies it', async () => {
    const { code, stdout } = await place.visiontrain('verify', 'older', '--json');
    const verdict = JSON.parse(stdout);
    expect([code, verdict.verify]).toEqual([verdict.same_weights ? 0 : 5, 'older-verify']);
    // Files of today hold more facts about themselves than those of that version.
    expect(verdict).toMatchObject({ same: false, metadata: expect.arrayContaining(['visiontrain.settings']) });
    // Another processor may round otherwise.
    const made = join(place.dir, 'home/runs/older-verify', WHOLE);
    expect(distance(join(fixture, WHOLE), made)).toBeLessThan(verdict.same_weights ? 1e-12 : 0.05);
    const { differences, ...compared } = await json('compare', 'older', 'older-verify');
    expect(JSON.stringify(compared)).toContain('older-verify');
    expect(JSON.stringify(differences ?? [])).not.toContain('data.');
  });

  it('goes on after its checkpoint to the bytes of the whole run', async () => {
    const dir = putStoppedRun('stopped');
    const { code, stderr, stdout } = await place.visiontrain('resume', 'stopped', '--plain');
    expect([code, stderr, stdout]).toEqual([0, expect.any(String), expect.stringContaining('step 4/4')]);
    const all = events(readFileSync(join(dir, 'events.jsonl'), 'utf8'));
    const compared = all.find(({ type }) => type === 'compared');
    const sha256 = (list: readonly { type: string; sha256: string }[]) =>
      list.findLast(({ type }) => type === 'output')?.sha256;
    const whole = sha256(events(readFileSync(join(fixture, 'events.jsonl'), 'utf8')));
    if (sha256(all) !== whole) {
      // Another processor may round otherwise, and the program then says so.
      expect(compared.differences.map(({ fact }: { fact: string }) => fact)).toContain('cpu');
      expect(distance(join(fixture, WHOLE), join(dir, WHOLE))).toBeLessThan(0.05);
    }
    const plan = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8'));
    expect([plan.version, plan.data.images.length]).toEqual([2, 4]);
  });
});

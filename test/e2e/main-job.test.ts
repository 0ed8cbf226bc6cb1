import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJudgement } from '../../src/engine/judge/judgement.ts';
import type { RunExit } from '../../src/engine/run-folder/layout.ts';
import { drawImages, newPlace, type Place, writeSpec } from '../helpers/real-trainer.ts';

const STEPS = 20;
/** The run is judged at its end by its last checkpoint alone, to save time. */
const JUDGED = ['--set', 'validation.judge=true', '--set', 'output.checkpoint_keep=1'];

function exitOf(place: Place, run: string): RunExit {
  return JSON.parse(readFileSync(join(place.dir, 'home', 'runs', run, 'exit.json'), 'utf8')) as RunExit;
}

const hashOf = (place: Place, run: string) => exitOf(place, run).outputs[0]?.sha256;

async function until(what: string, check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (check()) return;
    await sleep(100);
  }
  throw new Error(`waited in vain: ${what}`);
}

describe('from a folder of pictures to a LoRA', { timeout: 900_000 }, () => {
  let place: Place;
  let first: string | undefined;

  beforeAll(async () => {
    place = newPlace();
    drawImages(join(place.dir, 'my pictures'));
    writeSpec(join(place.dir, 'run.yaml'), './my pictures', STEPS);
    const told = await place.visiontrain('run', 'run.yaml', '--plain');
    expect(told.stderr + told.stdout).toContain('finished');
    expect(told.code).toBe(0);
    first = hashOf(place, 'ball');
  }, 600_000);

  afterAll(() => place.remove());

  const judgementOf = (run: string) => readJudgement(join(place.dir, 'home', 'runs', run));

  const comparedIn = (run: string) => {
    const lines = readFileSync(join(place.dir, 'home', 'runs', run, 'events.jsonl'), 'utf8')
      .trim()
      .split('\n');
    return lines.map((line) => JSON.parse(line)).find(({ type }) => type === 'compared');
  };

  it('ends with a LoRA, its hash, and pictures with and without it', async () => {
    const exit = exitOf(place, 'ball');
    expect(exit).toMatchObject({ status: 'finished', code: 0, step: STEPS });
    expect(exit.outputs[0]).toMatchObject({ path: 'output/ball.safetensors' });
    const run = join(place.dir, 'home', 'runs', 'ball');
    const header = readFileSync(join(run, 'output', 'ball.safetensors'));
    const keys = Object.keys(JSON.parse(header.subarray(8, 8 + Number(header.readBigUInt64LE(0))).toString()));
    expect(keys).toContain('lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight');
    expect(keys).toContain('lora_te_text_model_encoder_layers_0_mlp_fc1.alpha');
    expect(readdirSync(join(run, 'samples')).filter((name) => name.endsWith('.png'))).toHaveLength(2);
    const status = JSON.parse((await place.visiontrain('status', 'ball', '--json')).stdout);
    expect(status).toMatchObject({ state: 'finished', exit: { outputs: exit.outputs } });
    const listed = JSON.parse((await place.visiontrain('ps', '--json')).stdout);
    expect(JSON.stringify(listed)).toContain('"ball"');
  });

  it('gives the same bytes again with the pictures moved, and verifies a run from its own run.yaml', async () => {
    renameSync(join(place.dir, 'my pictures'), join(place.dir, 'elsewhere'));
    writeSpec(join(place.dir, 'run.yaml'), './elsewhere', STEPS);
    const again = await place.visiontrain('run', 'run.yaml', '--json');
    expect(again.code).toBe(0);
    expect(hashOf(place, 'ball-2')).toBe(first);
    const events = again.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
    const verified = await place.visiontrain('verify', 'ball-2', '--json');
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ same: true, sha256: [first, first], parted: null });
    expect(comparedIn('ball-2-verify')).toMatchObject({ original: 'ball-2', differences: [] });
  });

  it('is judged, and the advised checkpoint is exported as best', async () => {
    const judged = await place.visiontrain(
      'judge',
      'ball-2',
      '--steps',
      `${STEPS}`,
      '--seeds',
      '1',
      '--export',
      '--json',
    );
    expect(judged.code, `${judged.stderr}${judged.stdout}`).toBe(0);
    const judgement = JSON.parse(judged.stdout);
    expect(judgement).toMatchObject({ status: 'done', measure: 'pixels', rows: [{ step: 0 }, { step: STEPS }] });
    expect(judgement.advice).toMatchObject({ step: STEPS });
    const best = await place.visiontrain('export', 'ball-2', '--best', '--by', 'judge', '--json');
    expect(JSON.parse(best.stdout)).toMatchObject({
      step: STEPS,
      files: [{ path: expect.stringMatching(/ball-best-judge\.safetensors$/u), made: false }],
    });
    expect((await place.visiontrain('judge', 'ball-2', '--stop')).stderr).toContain('Nothing judges this run.');
    expect((await place.visiontrain('status', 'ball-2')).stdout).toContain(`Step ${STEPS} at strength 1`);
  });

  it('says before it verifies what differs in the environment', async () => {
    const events = join(place.dir, 'home', 'runs', 'ball-2', 'events.jsonl');
    writeFileSync(events, readFileSync(events, 'utf8').replace(/"torch": "[^"]*"/u, '"torch": "2.0.0"'));
    const verified = await place.visiontrain('verify', 'ball-2');
    expect(verified.stderr).toContain('ball-2 was computed otherwise: torch was 2.0.0, is ');
    expect(verified.stderr.indexOf('computed otherwise')).toBeLessThan(verified.stderr.indexOf(`step ${STEPS}/`));
    expect(verified.stdout).toContain('the same to the byte');
    expect(comparedIn('ball-2-verify-2')).toMatchObject({ differences: [{ fact: 'torch', was: '2.0.0' }] });
  });

  it('refuses to verify on other pictures or captions, and names them', async () => {
    const folder = join(place.dir, 'elsewhere');
    const [image, caption] = [join(folder, 'picture 1.png'), join(folder, 'picture 3.txt')];
    const before = { image: readFileSync(image), caption: readFileSync(caption) };
    appendFileSync(image, 'one byte more');
    writeFileSync(caption, 'another word');
    const refused = await place.visiontrain('verify', 'ball-2');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('The data set of ball-2 is not the one it was trained on');
    expect(refused.stderr).toMatch(/picture 1\.png is another picture: SHA-256 [0-9a-f]{12}… then, [0-9a-f]{12}… now/);
    expect(refused.stderr).toMatch(/picture 3\.jpeg has another caption: "zxball, a ball, number 3" then/);
    expect(readdirSync(join(place.dir, 'home', 'runs')).sort()).toEqual([
      'ball',
      'ball-2',
      'ball-2-verify',
      'ball-2-verify-2',
    ]);
    const document = JSON.parse((await place.visiontrain('verify', 'ball-2', '--json')).stdout);
    expect(document.error.details.join('\n')).toContain('picture 3.jpeg');
    writeFileSync(image, before.image);
    writeFileSync(caption, before.caption);
  });

  it('survives the death of its viewer, stops on request, and resumes to the same bytes', async () => {
    const viewer = place.start(...['run', 'run.yaml', '--name', 'tough'], ...JUDGED);
    const run = join(place.dir, 'home', 'runs', 'tough');
    const events = () => (existsSync(join(run, 'events.jsonl')) ? readFileSync(join(run, 'events.jsonl'), 'utf8') : '');
    await until('the supervisor takes over', () => events().includes('"type":"run"'));
    viewer.kill('SIGKILL');
    await until('training goes on without a viewer', () => /"step": ?3[,}]/.test(events()));
    const stopped = await place.visiontrain('stop', 'tough');
    expect(stopped.code).toBe(0);
    expect(exitOf(place, 'tough')).toMatchObject({ status: 'stopped', code: 75 });
    expect(exitOf(place, 'tough').step).toBeLessThan(STEPS);
    const [saved] = exitOf(place, 'tough').outputs;
    expect(saved?.path).toBe(`output/ball-step${String(exitOf(place, 'tough').step).padStart(8, '0')}.safetensors`);
    const exported = await place.visiontrain('export', 'tough', '--last', '--to', 'exported', '--json');
    expect(JSON.parse(exported.stdout)).toMatchObject({ files: [{ sha256: saved?.sha256, made: true }] });
    const refused = await place.visiontrain('export', 'tough', '--step', '19');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no checkpoint of step 19.') });
    const resumed = await place.visiontrain('resume', 'tough', '--plain');
    expect(resumed.code).toBe(0);
    expect(hashOf(place, 'tough')).toBe(first);
    // By then its supervisor has started the judging, apart from itself.
    await until('it is judged', () => judgementOf('tough')?.status === 'done');
    expect(judgementOf('tough')).toMatchObject({ process: null, advice: { text: expect.stringContaining('Step') } });
  });

  it('in the foreground, SIGTERM stops the run itself; resumed, it is judged before the command ends', async () => {
    const batch = place.start('run', 'run.yaml', '--name', 'batch', '--foreground', '--no-input', ...JUDGED);
    const events = join(place.dir, 'home', 'runs', 'batch', 'events.jsonl');
    await until(
      'The supervisor has started judging by now, as a process of its own.',
      () => existsSync(events) && readFileSync(events, 'utf8').includes('"type": "step"'),
    );
    const code = new Promise((resolve) => batch.once('exit', resolve));
    batch.kill('SIGTERM');
    expect(await code).toBe(75);
    expect(exitOf(place, 'batch')).toMatchObject({ status: 'stopped', code: 75 });
    expect(judgementOf('batch')).toBeUndefined();
    const resumed = await place.visiontrain('resume', 'batch', '--foreground', '--no-input', '--plain');
    expect([resumed.code, resumed.stderr]).toEqual([0, expect.any(String)]);
    expect(judgementOf('batch')).toMatchObject({ status: 'done', process: null });
    expect(resumed.stdout).toContain(`step ${STEPS} × 1`);
  });
});

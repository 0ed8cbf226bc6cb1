/** A LoRA is published to a real server that fails as hubs do, and made into a kit. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome } from '../../helpers/fixture-run.ts';
import { type HubFault, PublishHub, type Step } from '../../helpers/publish-hub.ts';
import { safetensors } from '../../helpers/safetensors.ts';
import { tellRun } from '../../helpers/told-run.ts';

const EVIL = 'a fox </Gallery><script>x</script> `code` | [link](http://evil) \u001b]0;t\u0007 "q": é';
const hub = new PublishHub();
const home = new FixtureHome({ VISIONTRAIN_BACK_OFF: '0.01', HF_TOKEN: 'hf_right', HF_HOME: '/nowhere' });
const lora = safetensors({
  'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight': [4, 320],
  'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight': [320, 4],
});
const sha256 = createHash('sha256').update(lora).digest('hex');
let name = '';
let dir = '';

beforeAll(async () => {
  await hub.start();
  home.env.HF_ENDPOINT = hub.url;
  const run = tellRun(home, {
    name: 'fox',
    side: 32,
    change: (event) => (event.type === 'sample' && event.index === 1 ? { ...event, prompt: EVIL } : event),
    exit: { outputs: [{ path: 'output/fox.safetensors', bytes: lora.length, sha256 }] },
  });
  ({ name, dir } = run);
  mkdirSync(join(dir, 'output'), { recursive: true });
  writeFileSync(join(dir, 'output', 'fox.safetensors'), lora);
  const plan = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8'));
  plan.model.name = 'illustrious';
  plan.model.family = 'sdxl';
  plan.training.text_encoder_learning_rates = [0, 0];
  writeFileSync(join(dir, 'plan.json'), JSON.stringify(plan));
});
afterAll(async () => {
  await hub.stop();
  await home.remove();
});
beforeEach(() => {
  hub.faults.clear();
  hub.repos.clear();
  hub.large.clear();
  hub.asked.length = 0;
  hub.logins.length = 0;
});

const publish = (...more: string[]) => cli(['publish', 'hub', name, '--plain', ...more], home.env);

describe('publish hub', () => {
  it('sends file, card and samples to a private repository', async () => {
    const { code, stdout, stderr } = await publish();
    expect([code, stdout]).toEqual([0, `${hub.url}/ann/fox\n`]);
    expect(stderr).toContain('for you alone');
    expect(stderr).toContain('Fair AI Public License');
    const repo = hub.repos.get('ann/fox');
    expect(repo?.private).toBe(true);
    expect([...(repo?.files.keys() ?? [])].sort()).toEqual([
      'README.md',
      'fox.safetensors',
      'images/00.png',
      'images/01.png',
    ]);
    expect(repo?.files.get('fox.safetensors')?.equals(lora)).toBe(true);
    // The token goes to the hub, and never to the storage of large files.
    expect(hub.logins.filter(([, login]) => login === 'Bearer hf_right').map(([step]) => step)).toEqual(
      hub.asked.filter((step) => step !== 'put'),
    );
    expect(hub.logins.find(([step]) => step === 'put')?.[1]).toBeUndefined();
  });

  it('writes a card whose facts the hub can read, and in which no text of the run is markup', async () => {
    const { stdout } = await publish('--dry-run');
    expect(hub.asked).toEqual([]);
    const [, facts = '', words = ''] = stdout.split(/^---$/m);
    expect(load(facts)).toMatchObject({
      base_model: expect.stringMatching(/^[\w.-]+\/[\w.-]+$/),
      license: 'other',
      license_name: 'fair-ai-public-license-1.0-sd',
      license_link: expect.stringMatching(/^https:/),
      tags: expect.arrayContaining(['lora', 'stable-diffusion-xl']),
      widget: [
        expect.anything(),
        { text: expect.stringContaining('a fox </Gallery>'), output: { url: 'images/01.png' } },
      ],
    });
    for (const sign of ['<script>', '</Gallery>', '\u001b']) expect(words).not.toContain(sign);
    expect(words).toContain('<Gallery />');
    expect(words).toContain('StableDiffusionXLPipeline.from_pretrained(');
    expect(words).not.toContain(home.dir);
  });

  it('goes on where it was interrupted: a large file that arrived is not sent again', async () => {
    hub.faults.set('commit', [403]);
    expect((await publish()).code).toBe(2);
    expect(hub.asked).toContain('put');
    hub.asked.length = 0;
    expect((await publish()).code).toBe(0);
    expect(hub.asked).toEqual(['whoami', 'create', 'info', 'preupload', 'batch', 'commit']);
    expect(hub.repos.get('ann/fox')?.files.get('fox.safetensors')?.equals(lora)).toBe(true);
  });

  it('makes nothing public unless told so, even in an existing repository', async () => {
    hub.repos.set('ann/fox', { private: false, files: new Map() });
    const refused = await publish();
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('everybody can see it')]);
    expect(hub.asked).not.toContain('preupload');
    const told = await publish('--public');
    expect([told.code, told.stderr]).toEqual([0, expect.stringContaining('for everybody')]);
    const { stdout } = await publish('--public', '--repo', 'ann/other', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ repo: 'ann/other', is_private: false, commit: 'c'.repeat(40) });
  });

  it('survives broken connections, 429, 5xx and a repository that exists', async () => {
    hub.repos.set('ann/fox', { private: true, files: new Map() });
    const faults: Readonly<Partial<Record<Step, HubFault[]>>> = {
      create: [409],
      preupload: [[429, { 'retry-after': '0' }], 500],
      batch: [429, 429],
      put: ['drop', 504, 'drop'],
      commit: ['drop', 502, 503],
    };
    for (const [step, list] of Object.entries(faults)) hub.faults.set(step as Step, list);
    const { code, stderr } = await publish();
    expect([code, stderr]).toEqual([0, expect.stringMatching(/answered 429: again in 0 s[\s\S]*cannot be reached/)]);
    expect([...hub.faults.values()].flat()).toEqual([]);
    expect(hub.repos.get('ann/fox')?.files.get('fox.safetensors')?.equals(lora)).toBe(true);
  });

  it('takes a repository that the token may write though it may make none, and waits for one that is being made', async () => {
    hub.faults.set('create', [403]);
    hub.repos.set('ann/fox', { private: true, files: new Map() });
    expect((await publish()).code).toBe(0);
    expect(hub.asked.slice(0, 4)).toEqual(['whoami', 'create', 'info', 'preupload']);
    hub.repos.clear();
    hub.asked.length = 0;
    const busy = { status: 409, error: 'Cannot create repo: another conflicting operation is in progress' };
    hub.faults.set('create', [busy, busy]);
    expect((await publish()).code).toBe(0);
    expect(hub.asked.filter((step) => step === 'create')).toHaveLength(3);
    expect(hub.repos.get('ann/fox')?.private).toBe(true);
  });

  it('sends a large file in parts where the hub wants that, and repeats a part when its connection breaks', async () => {
    hub.faults.set('batch', [[429, { ratelimit: '"api";r=0;t=0' }], 'parts']);
    hub.faults.set('put', ['drop', 503]);
    const { code, stderr } = await publish();
    expect([code, stderr]).toEqual([0, expect.stringContaining('answered 429: again in 0 s')]);
    expect(hub.asked.filter((step) => step === 'put').length).toBeGreaterThanOrEqual(5);
    expect(hub.repos.get('ann/fox')?.files.get('fox.safetensors')?.equals(lora)).toBe(true);
  });

  const told: readonly (readonly [string, Step, HubFault, number, RegExp])[] = [
    ['401', 'whoami', 401, 2, /does not know this token[\s\S]*HF_TOKEN/],
    ['403', 'create', 403, 2, /may not write to ann\/fox[\s\S]*no: 403[\s\S]*--repo/],
    ['404', 'create', 404, 2, /has no place ann\/fox/],
    ['409', 'commit', 409, 2, /changed by somebody else/],
    ['413', 'put', 413, 2, /no file of this size[\s\S]*lora resize/],
    ['413 of one file', 'batch', { refuse: 413 }, 2, /no file of this size[\s\S]*no room for it/],
    [
      '400',
      'commit',
      { status: 400, error: 'Invalid metadata' },
      2,
      /does not take what was sent[\s\S]*Invalid metadata/,
    ],
    ['402', 'batch', 402, 2, /does not take what was sent: it answered 402/],
    ['403 of a store', 'put', 403, 4, /no longer good[\s\S]*asks for a new one/],
  ];
  it.each(told)('says what %s means and what to type', async (_what, step, fault, code, words) => {
    hub.faults.set(step, [fault]);
    const result = await publish();
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(words);
    expect(result.stderr).not.toMatch(/hf_right|at .*\.js:\d/);
  });

  it.each(['whoami', 'preupload', 'commit'] as const)(
    'says so when %s is answered by a portal, or by JSON of another shape, and goes on the next time',
    async (step) => {
      home.env.VISIONTRAIN_DOWNLOAD_TRIES = '1';
      for (const fault of ['page', 'shape'] as const) {
        hub.faults.set(step, [fault]);
        const result = await publish();
        expect([result.code, result.stderr], fault).toEqual([4, expect.stringContaining('publish/unreachable')]);
        expect(result.stderr, fault).not.toMatch(/hf_right|at .*\.js:\d|hit a bug/u);
        hub.faults.clear();
      }
      delete home.env.VISIONTRAIN_DOWNLOAD_TRIES;
      expect((await publish()).code).toBe(0);
      expect(hub.repos.get('ann/fox')?.files.get('fox.safetensors')?.equals(lora)).toBe(true);
    },
  );

  it('waits for a hub that is slow', async () => {
    for (const step of ['create', 'put', 'commit'] as const) hub.faults.set(step, ['late']);
    expect((await publish()).code).toBe(0);
  });

  it('gives up on a hub that never gives a valid answer, with the exit code of a network', async () => {
    home.env.VISIONTRAIN_DOWNLOAD_TRIES = '3';
    hub.faults.set(
      'preupload',
      Array.from({ length: 9 }, () => 503),
    );
    const busy = await publish();
    expect([busy.code, busy.stderr]).toEqual([4, expect.stringContaining('answered 503')]);
    const gone = await cli(['publish', 'hub', name, '--plain'], { ...home.env, HF_ENDPOINT: 'http://127.0.0.1:9' });
    expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('cannot be reached')]);
    delete home.env.VISIONTRAIN_DOWNLOAD_TRIES;
  });

  it('asks for a token where there is none, and uses the token of the hub’s own login', async () => {
    const { HF_TOKEN: _token, ...env } = home.env;
    const none = await cli(['publish', 'hub', name, '--plain'], env);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('hf auth login')]);
    const own = join(home.dir, 'hf');
    mkdirSync(own);
    writeFileSync(join(own, 'token'), 'hf_right\n');
    expect((await cli(['publish', 'hub', name, '--plain'], { ...env, HF_HOME: own })).code).toBe(0);
    const odd = await publish('--repo', '../etc');
    expect([odd.code, odd.stderr]).toEqual([2, expect.stringContaining('--repo is OWNER/NAME')]);
  });

  it('publishes no run that is not finished', async () => {
    const open = tellRun(home, { name: 'open', side: 16, alike: true, exit: null });
    // A claim that was not renewed for long: its run counts as dead, however slow this machine is.
    utimesSync(join(open.dir, 'attempts', '1.json'), new Date(0), new Date(0));
    const result = await cli(['publish', 'hub', open.name, '--plain'], home.env);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('is not finished')]);
  });
});

describe('publish kit', () => {
  it('has file, covers with their prompts inside, description, settings and licence, and replaces nothing', async () => {
    const kit = join(home.dir, 'kit');
    const { code, stdout, stderr } = await cli(['publish', 'kit', name, '--to', kit, '--plain'], home.env);
    expect([code, stdout]).toEqual([0, `${kit}\n`]);
    expect(stderr).toContain('takes no uploads from programs');
    expect(readdirSync(kit).sort()).toEqual([
      'LICENCE-OF-THE-BASE.txt',
      'covers',
      'description.html',
      'fox.safetensors',
      'settings.txt',
      'trigger-words.txt',
    ]);
    expect(readFileSync(join(kit, 'fox.safetensors')).equals(lora)).toBe(true);
    const payload = createHash('sha256')
      .update(lora.subarray(8 + Number(lora.readBigUInt64LE(0))))
      .digest('hex');
    const [first = '', second = ''] = readdirSync(join(kit, 'covers')).map((file) =>
      readFileSync(join(kit, 'covers', file)).toString('utf8'),
    );
    expect(first).toContain('parameters\u0000');
    expect(first).toMatch(/<lora:fox:1>[\s\S]*Steps: 1, Sampler: DDIM, CFG scale: 1, Seed: \d+, Size: 64x64/);
    expect(first).toContain(`Lora hashes: "fox: ${payload.slice(0, 12)}"`);
    expect(second).toContain('a fox </Gallery>');
    expect(readFileSync(join(kit, 'settings.txt'), 'utf8')).toMatch(/^Base model: Illustrious$/m);
    expect(readFileSync(join(kit, 'LICENCE-OF-THE-BASE.txt'), 'utf8')).toMatch(/^Illustrious.*: Fair AI/);
    const again = await cli(['publish', 'kit', name, '--to', kit], home.env);
    expect([again.code, existsSync(join(kit, 'covers'))]).toEqual([2, true]);
  });
});

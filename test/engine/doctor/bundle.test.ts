import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { bundleText, privateWords, scrub } from '../../../src/engine/doctor/bundle.ts';
import { bad, good, warn, worst } from '../../../src/engine/doctor/finding.ts';

const env = {
  HOME: '/home/mallory',
  USER: 'mallory',
  VISIONTRAIN_HOME: '/data/mallory/train',
  HF_TOKEN: 'hf_abcdefghijklmnop',
  CIVITAI_TOKEN: 'c1v1t41-secret-value',
  AWS_SECRET_ACCESS_KEY: 'not+a/token=word',
  HOSTNAME: 'gpu-box-7.example.org',
};
const words = privateWords(places(env), env);

it.each([
  ['cannot open /home/mallory/.cache/x', 'cannot open ~/.cache/x'],
  ['/data/mallory/train/models/sdxl', '<home of visiontrain>/models/sdxl'],
  ['/home/someone-else/venv', '/home/<user>/venv'],
  ['MALLORY@GPU-BOX-7.example.org:~$', '<mail>:~$'],
  ['on gpu-box-7 and gpu-box-7.example.org', 'on <host> and <host>'],
  ['token hf_abcdefghijklmnop and hf_anotherTokenOfSomebody', 'token <secret> and <secret>'],
  ['c1v1t41-secret-value, not+a/token=word', '<secret>, <secret>'],
  ['https://bob:pw@index.example/simple', 'https://<login>@index.example/simple'],
  ['https://civitai.com/api?token=abc&x=1', 'https://civitai.com/api?token=<secret>&x=1'],
  ['authorization: Bearer abcdefgh.ijkl', 'authorization: Bearer <secret>'],
  ['GPU-5c6d7e8f-aaaa-bbbb-cccc-0123456789ab', 'GPU-<number>'],
  ['from 192.168.1.20:8080 at 127.0.0.1', 'from <address>:8080 at 127.0.0.1'],
  ['driver 580.65.06, torch 2.13.0+cu130', 'driver 580.65.06, torch 2.13.0+cu130'],
])('%s', (text, clean) => {
  expect(scrub(text, words)).toBe(clean.replace('<mail>', scrub('MALLORY@GPU-BOX-7.example.org', words)));
});

it('removes the names of this machine from every byte, however deeply nested and however JSON escapes them', async () => {
  const home = mkdtempSync(join(tmpdir(), 'vt-bundle-'));
  const run = join(home, 'runs', 'fox');
  try {
    mkdirSync(run, { recursive: true });
    const own = { ...env, VISIONTRAIN_HOME: home };
    const plan = {
      training: { rank: 16 },
      resources: { device: 'cuda:0' },
      samples: { prompts: ['a portrait of my child'] },
    };
    writeFileSync(join(run, 'plan.json'), JSON.stringify(plan));
    writeFileSync(join(run, 'run.yaml'), '');
    writeFileSync(
      join(run, 'trainer.log'),
      `step 1 on ${hostname()}\nread "/home/mallory/a\\b.png" with ${env.HF_TOKEN}\n`,
    );
    const report = {
      findings: [{ text: `held by /home/mallory/bin/python; ${env.AWS_SECRET_ACCESS_KEY}` }],
      x: [hostname()],
    };
    const text = await bundleText(report, places(own), own);
    const parsed = JSON.parse(text);
    expect(parsed.doctor.findings[0].text).toBe('held by ~/bin/python; <secret>');
    const secrets = [
      'mallory',
      env.HF_TOKEN,
      env.CIVITAI_TOKEN,
      env.AWS_SECRET_ACCESS_KEY,
      'portrait',
      home,
      'gpu-box-7',
    ];
    for (const word of [...secrets, ...(hostname().length >= 3 ? [hostname()] : [])]) {
      expect([word, text.toLowerCase().includes(word.toLowerCase())]).toEqual([word, false]);
      expect([word, text.includes(JSON.stringify(word).slice(1, -1))]).toEqual([word, false]);
    }
    expect(parsed.settings).toEqual(['VISIONTRAIN_HOME']);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

it('is as bad as its worst finding', () => {
  expect(worst([good('a', 'A', 'x')])).toBe('good');
  expect(worst([good('a', 'A', 'x'), warn('b', 'B', 'y', 'do')])).toBe('warn');
  expect(worst([bad('c', 'C', 'z'), warn('b', 'B', 'y')])).toBe('bad');
});

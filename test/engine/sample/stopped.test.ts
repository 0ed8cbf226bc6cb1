/** `visiontrain sample` is stopped and killed while a gate holds its program back, goes on, and makes its page. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { groupMembers } from '../../../src/base/process/group.ts';
import { noBrowser, openBrowser } from '../../helpers/browser.ts';
import { cli, startCli } from '../../helpers/cli.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';
import { png } from '../../helpers/png.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const EVIL = '</script><img src=x onerror="window.hacked=1"> & "q"';
const home = new FixtureHome();
const gate = join(home.dir, 'gate');
const drawn = join(home.dir, 'drawn');
const to = join(home.dir, 'samples');
afterAll(() => home.remove());

/**
 * A Python whose drawing program writes samples as the real one does. While `gate` exists it draws one sample, leaves a
 * half-written one, notes itself in `drawn` and waits to be killed.
 */
function python(): string {
  const program = join(home.dir, 'draw.py');
  writeFileSync(
    join(home.dir, 'one.png'),
    png(64, 64, (x, y) => [x * 4, y * 4, 90]),
  );
  writeFileSync(
    program,
    `import json, os, pathlib, signal, sys
sys.path.insert(0, os.getcwd())
from visiontrain_trainer.base.owner import end_with_owner
end_with_owner()
home = pathlib.Path(${JSON.stringify(home.dir)})
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
to = pathlib.Path(job["to"])
image = (home / "one.png").read_bytes()
def put(name):
    beside = to / f".{name}.{os.getpid()}.tmp"
    beside.write_bytes(image)
    beside.replace(to / name)
for cell in job["cells"]:
    put(cell["file"])
    print(json.dumps({"type": "sample", "file": cell["file"]}), flush=True)
    held = (home / "gate").exists()
    if held:
        (to / f".next.png.{os.getpid()}.tmp").write_bytes(image[:40])
    with (home / "drawn").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    while held:
        signal.pause()
put(job["sheet"]["file"])
print(json.dumps({"type": "done"}), flush=True)
`,
  );
  const path = join(home.dir, 'python-of-samples');
  writeFileSync(
    path,
    `#!/bin/sh
case "$*" in *visiontrain_trainer.drawing*) exec python3 '${program}' "$3" ;; esac
exec '${home.env.VISIONTRAIN_PYTHON}' "$@"
`,
    { mode: 0o755 },
  );
  return path;
}

const list = () =>
  JSON.parse(readFileSync(join(to, 'sample.json'), 'utf8')).samples as { file: string; done: boolean }[];
const pids = () => (existsSync(drawn) ? readFileSync(drawn, 'utf8').trim().split('\n').map(Number) : []);
const whole = ['fox-x1-p1-s1.png', 'fox-x1-p1-s2.png', 'fox-x1-p1-s3.png'];

describe('samples of an interrupted command', () => {
  const env = { ...home.env, VISIONTRAIN_PYTHON: python() };
  const file = join(home.dir, 'fox.safetensors');
  const name = 'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q';
  writeFileSync(file, safetensors({ [`${name}.lora_down.weight`]: [1, 128], [`${name}.lora_up.weight`]: [128, 1] }));
  const args = [
    'sample',
    '--lora',
    file,
    '--prompt',
    EVIL,
    '--base',
    'tiny',
    '--size',
    '64',
    '--seed',
    '1,2,3',
    '--grid',
    'seed',
    '-o',
    to,
  ];

  it('are kept at Ctrl-C and at a kill, and the same command draws only the others', { timeout: 600_000 }, async () => {
    writeFileSync(gate, '');
    const stopped = startCli(args, env);
    await until(() => pids().length === 1 && list()[0]?.done === true);
    stopped.child.kill('SIGINT');
    expect(await stopped.done).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('with the same -o goes on'),
    });
    expect(list().map(({ done }) => done)).toEqual([true, false, false]);
    expect(readdirSync(to)).not.toContain('sample.job.json');

    const killed = startCli(args, env);
    await until(() => pids().length === 2);
    killed.child.kill('SIGKILL');
    expect(await killed.done).toMatchObject({ signal: 'SIGKILL' });
    // The drawing program waits for ever, and yet ends with the command.
    await until(() => groupMembers(pids()[1] ?? 0).length === 0);
    expect(readdirSync(to).filter((entry) => entry.endsWith('.tmp')).length).toBeGreaterThan(0);

    rmSync(gate);
    const { code, stdout } = await cli([...args, '--json'], env);
    expect([code, JSON.parse(stdout).samples.map(({ done }: { done: boolean }) => done)]).toEqual([
      0,
      [true, true, true],
    ]);
    expect(pids()).toHaveLength(3);
    expect(readdirSync(to).sort()).toEqual([...whole, 'index.html', 'sample.json', 'sheet.png'].sort());
    expect(readFileSync(join(to, 'index.html'), 'utf8')).not.toContain('<img src=x');
  });

  it('never reach through links, pipes and folders that a stranger put between them', {
    timeout: 600_000,
  }, async () => {
    const victim = join(home.dir, 'thesis.txt');
    writeFileSync(victim, 'my thesis');
    const put = (name: string, make: (path: string) => void) => {
      rmSync(join(to, name), { recursive: true, force: true });
      make(join(to, name));
    };
    const link = (path: string) => symlinkSync(victim, path);
    const fifo = (path: string) => execFileSync('mkfifo', [path]);
    const [first = ''] = whole;
    // A link at the name of a sample or of the job is replaced itself; leftovers of our names are removed if they are files.
    put(first, link);
    put('sample.job.json', link);
    put('.0123456789ab.tmp', (path) => mkdirSync(path));
    expect((await cli(args, env)).code).toBe(0);
    expect(lstatSync(join(to, first)).isFile()).toBe(true);
    rmSync(join(to, '.0123456789ab.tmp'), { recursive: true });
    // Where it cannot be replaced, or tells what was drawn before, the command ends and says which it is.
    for (const [name, make, code] of [
      ['sample.log', link, 3],
      ['index.html', fifo, 2],
      ['sample.json', fifo, 3],
    ] as const) {
      const before = existsSync(join(to, name)) ? readFileSync(join(to, name)) : undefined;
      put(name, make);
      put(first, () => {});
      const { code: ended, stderr } = await cli(args, env);
      expect([name, ended, stderr]).toEqual([name, code, expect.stringContaining(name)]);
      put(name, (path) => before !== undefined && writeFileSync(path, before));
    }
    // What is in the folder of somebody else is not taken for ours.
    const theirs = join(home.dir, 'theirs');
    mkdirSync(theirs);
    writeFileSync(join(theirs, 'sample.json'), JSON.stringify({ version: 1, key: 'made up' }));
    const refused = await cli([...args.slice(0, -1), `${home.dir}/samples/../theirs`], env);
    expect([refused.code, readdirSync(theirs)]).toEqual([2, ['sample.json']]);
    expect(readFileSync(victim, 'utf8')).toBe('my thesis');
    expect((await cli(args, env)).code).toBe(0);
  });

  it('show no escapes of a name or a prompt', { timeout: 600_000 }, async () => {
    const odd = join(home.dir, 'fo\u001b]0;hacked\u0007x\u009b31m.safetensors');
    copyFileSync(file, odd);
    const words = ['sample', '--lora', odd, '--prompt', 'a fox', '--base', 'tiny', '--size', '64'];
    const at = (name: string) => ['-o', join(home.dir, name)];
    for (const command of [
      [...words, ...at('escapes')],
      [...words.slice(0, 5), '--base', 'n\u001b[2Jone', ...at('none')],
    ]) {
      const { stdout, stderr } = await cli(command, env);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }
    expect(readdirSync(join(home.dir, 'escapes')).every((name) => /^[\w.+-]+$/.test(name))).toBe(true);
  });

  it.skipIf(noBrowser !== undefined)(
    'stand on a page that fits a phone, is dark, asks nobody and runs nothing of a prompt',
    async () => {
      const browser = await openBrowser();
      const page = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      const url = pathToFileURL(join(to, 'index.html')).href;
      await page.goto(url);
      expect(asked.filter((each) => !each.startsWith('data:'))).toEqual([url]);
      expect(await page.evaluate('window.hacked')).toBeUndefined();
      const heading = page.locator('tbody th[scope=rowgroup]').first();
      expect(await heading.textContent()).toContain('</script><img src=x');
      // A long prompt stands above its samples, so that it is no column of single letters.
      expect((await heading.boundingBox())?.width).toBeGreaterThan(250);
      expect(await page.textContent('#samples')).not.toContain('the noise is the same');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(20, 22, 26)');
      expect(await page.evaluate('[...document.images].filter((image) => image.naturalWidth > 0).length')).toBe(3);
      if (process.env.K32_SHOT) await page.screenshot({ path: process.env.K32_SHOT, fullPage: true });
      await browser.close();
    },
  );
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { type Notice, noticeSource } from '../../../src/engine/notices/compose.ts';
import { desktopCommand } from '../../../src/engine/notices/desktop.ts';
import { webMessage } from '../../../src/engine/notices/formats.ts';
import { createNotifier } from '../../../src/engine/notices/notifier.ts';
import { addressProblem, openConnections, post } from '../../../src/engine/notices/post.ts';
import { noticeTargets } from '../../../src/engine/notices/targets.ts';
import { notifySchema } from '../../../src/engine/settings/notify.ts';
import { type WebAnswer, WebHookServer } from '../../helpers/web-hook.ts';

const limits = { tryMs: 300, waitMs: 5, longestWaitMs: 100, tries: 3 };
const notice: Notice = {
  kind: 'finished',
  run: 'fox',
  text: 'finished: learned, 100 steps',
  step: 100,
  steps: 100,
  loss: 0.1,
  t: 1,
};

let server: WebHookServer;
let other: WebHookServer;
beforeAll(async () => {
  server = await new WebHookServer().listen();
  other = await new WebHookServer().listen();
});
afterAll(() => Promise.all([server.close(), other.close()]));

let seq = 0;
const event = (type: string, t: number, more: object = {}): RunEvent => {
  seq += 1;
  return { v: 2, seq, t, type, ...more } as RunEvent;
};
const begun = () => [event('run', 0, { name: 'fox', attempt: 1, steps: 100, host: 'h', version: '1' })];

describe('the notice of an event', () => {
  it('holds the run, its steps and losses, and no name of an image, no prompt and no path', () => {
    const secret = 'grandma-in-the-bath';
    const told = noticeSource().take([
      ...begun(),
      event('phase', 1, { phase: 'download', detail: secret }),
      event('phase', 40, { phase: 'load' }),
      event('note', 41, { level: 'warn', text: `${secret}.png is cut short` }),
      event('start', 42, { step: 0, steps: 100, batches_per_epoch: 10 }),
      event('step', 43, { step: 50, epoch: 1, loss: 0.25, lr: 1e-4 }),
      event('validation', 44, { step: 50, loss: 0.2, stderr: 0.01, images: 2 }),
      event('checkpoint', 44, { step: 50, path: `checkpoints/${secret}`, bytes: 1, best: true }),
      event('sample', 45, { step: 50, index: 0, path: 'samples/a.png', prompt: secret, seed: 1, adapter: true }),
      event('exit', 50, { status: 'failed', code: 5, step: 50, reason: `${secret}.png is no picture` }),
    ]);
    expect(told.map(({ kind, text }) => [kind, text])).toEqual([
      ['download', 'the base model is here, after 39 s'],
      ['warning', 'a warning at step 0 of 100'],
      ['best', 'best so far at step 50 of 100, validation loss 0.2000'],
      ['sample', 'a new sample at step 50 of 100'],
      ['failed', 'failed at step 50 of 100 in 50 s (exit 5)'],
    ]);
    for (const format of ['discord', 'slack', 'ntfy', 'json'] as const)
      for (const one of told) expect(String(webMessage(one, { format }).body)).not.toContain(secret);
  });

  it('is left out for a short download, and comes at most once a minute for checkpoints and samples', () => {
    const checkpoint = (t: number) => event('checkpoint', t, { step: t, path: 'c', bytes: 1 });
    const told = noticeSource().take([
      ...begun(),
      event('phase', 1, { phase: 'download' }),
      event('phase', 5, { phase: 'load' }),
      ...[10, 20, 69, 70, 129, 131].map(checkpoint),
    ]);
    expect(told.map(({ t }) => t)).toEqual([10, 70, 131]);
  });
});

describe('the message to each service', () => {
  it('mentions nobody, whatever the run is called', () => {
    const loud = { ...notice, run: '@everyone <!channel>' };
    const discord = webMessage(loud, { format: 'discord' });
    expect(JSON.parse(String(discord.body))).toEqual({
      content: '@everyone <!channel> finished: learned, 100 steps',
      allowed_mentions: { parse: [] },
    });
    expect(JSON.parse(String(webMessage(loud, { format: 'slack' }).body)).text).toContain('&lt;!channel&gt;');
  });

  it('is a title, a priority and a text for ntfy, in headers that HTTP can carry', () => {
    const { headers, body } = webMessage({ ...notice, run: 'füchse' }, { format: 'ntfy' }, { token: 'tk' });
    expect(headers).toMatchObject({ title: 'visiontrain: f?chse', priority: '4', authorization: 'Bearer tk' });
    expect(body).toBe('füchse finished: learned, 100 steps');
  });

  it('is a documented object for any other service', () => {
    expect(JSON.parse(String(webMessage(notice, { format: 'json' }).body))).toMatchObject({
      version: 1,
      kind: 'finished',
      run: 'fox',
      step: 100,
      steps: 100,
      loss: 0.1,
    });
  });

  it('is passed to desktop programs as arguments, behind the options', () => {
    const odd = { ...notice, text: '--icon=/etc/passwd "; rm -rf ~' };
    const linux = desktopCommand('linux', odd);
    expect(linux.slice(linux.indexOf('--') + 1)).toEqual(['visiontrain: fox', odd.text]);
    expect(desktopCommand('darwin', odd).slice(-2)).toEqual(['visiontrain: fox', odd.text]);
  });
});

describe('a web hook that misbehaves', () => {
  const retryBody = (response: Parameters<Exclude<WebAnswer, number | string>>[0]) =>
    response.writeHead(429).end('{"retry_after": 0.02}');
  const retryHeader = (seconds: string) => (response: Parameters<Exclude<WebAnswer, number | string>>[0]) =>
    response.writeHead(429, { 'retry-after': seconds }).end();
  const redirect = (to: () => string) => (response: Parameters<Exclude<WebAnswer, number | string>>[0]) =>
    response.writeHead(307, { location: to() }).end();

  it.each<[string, WebAnswer[], number, RegExp | undefined]>([
    ['answers 204', [204], 1, undefined],
    ['answers 429 once, with a wait in its body', [retryBody, 204], 2, undefined],
    ['answers 429 once, with a wait in its header', [retryHeader('0'), 204], 2, undefined],
    ['wants an hour of silence', [retryHeader('3600')], 1, /answered 429, and wants 3600 s/],
    ['answers 500 twice', [500, 503, 200], 3, undefined],
    ['answers 500 for good', [500], 3, /answered 500/],
    ['answers 404', [404], 1, /answered 404/],
    ['hangs', ['hang'], 3, /did not answer within 0.3 s/],
    ['hangs once', ['hang', 204], 2, undefined],
    ['resets the connection', ['reset'], 3, /cannot be reached/],
    ['redirects to another server', [redirect(() => other.at('/thief', 200))], 1, /redirects to another server/],
    ['redirects within itself', [redirect(() => '/fine'), 204], 1, undefined],
    ['redirects in a circle', [redirect(() => '/circle')], 1, /redirects in a circle/],
    ['answers 302, as a page does', [(r) => r.writeHead(302, { location: '/login' }).end()], 1, /answered 302/],
  ])('that %s', async (name, answers, tries, why) => {
    server.at('/fine', 204);
    const path = name.includes('circle') ? '/circle' : `/${encodeURIComponent(name)}`;
    const url = server.at(path, ...answers);
    const before = server.received.length;
    const connections = openConnections({});
    const lost = await post(connections, url, webMessage(notice, { format: 'json' }), {
      signal: new AbortController().signal,
      // On a busy machine an answer may take longer than the limit that applies to a server that hangs.
      limits: name.startsWith('hangs') ? limits : { ...limits, tryMs: 10_000 },
    });
    await connections.destroy();
    if (why === undefined) expect(lost).toBeUndefined();
    else expect(lost).toMatch(why);
    // No message about the hook holds its address, which is a secret.
    expect(lost ?? '').not.toContain('127.0.0.1');
    if (path !== '/circle') expect(server.received.slice(before).filter((r) => r.path === path)).toHaveLength(tries);
    expect(other.received).toEqual([]);
  });

  it('is not asked over plain http, unless it is in the own network', () => {
    for (const address of ['https://a.example/x', 'http://localhost:1/x', 'http://192.168.1.9/x', 'http://ntfy.lan/x'])
      expect(addressProblem(address)).toBeUndefined();
    for (const address of ['http://a.example/x', 'ftp://a.example', 'file:///etc/passwd', 'nonsense', ''])
      expect(addressProblem(address)).toBeDefined();
  });

  it('holds up no other target, and is named once', async () => {
    const env = { BAD: server.at('/hangs', 'hang'), GOOD: server.at('/good', 204), NONE: '' };
    const web = Object.keys(env).map((url_env) => ({ format: 'json', url_env, events: ['checkpoint', 'finished'] }));
    const settings = notifySchema.parse({ web });
    const lost: string[] = [];
    const notifier = createNotifier({
      targets: noticeTargets(settings, { env, limits }),
      onLost: (sentence) => lost.push(sentence),
    });
    const before = server.received.length;
    notifier.take([...begun(), event('checkpoint', 1, { step: 1, path: 'c', bytes: 1 })], false);
    for (let i = 1; i < 9; i += 1)
      notifier.take([event('checkpoint', 100 * i, { step: i, path: 'c', bytes: 1 })], true);
    notifier.take([event('exit', 999, { status: 'finished', code: 0, step: 100 })], true);
    const began = Date.now();
    await notifier.close(1500);
    expect(Date.now() - began).toBeLessThan(60_000);
    const good = server.received.slice(before).filter(({ path }) => path === '/good');
    // Waiting notices were replaced by newer ones, and events of an earlier attempt are not told again.
    expect(good.map(({ body }) => JSON.parse(body).kind)).toEqual(['checkpoint', 'checkpoint', 'finished']);
    expect(JSON.parse(good[1]?.body ?? '').t).toBe(800);
    expect(lost).toHaveLength(2);
    expect(lost.join()).toMatch(/json \(NONE\) was not told: the variable NONE is empty/);
  });

  it('is sent a sample where the person wants that, and never a file from outside the run', async () => {
    const runDir = mkdtempSync(join(tmpdir(), 'visiontrain-notices-'));
    writeFileSync(join(runDir, 'a.png'), 'PICTURE');
    const env = { HOOK: server.at('/pictures', 200) };
    const settings = notifySchema.parse({ web: [{ format: 'discord', url_env: 'HOOK', pictures: true }] });
    const [target] = noticeTargets(settings, { env, runDir, limits });
    const signal = new AbortController().signal;
    for (const image of ['a.png', '../a.png', '/etc/hostname', 'missing.png'])
      expect(await target?.send({ ...notice, image }, signal)).toBeUndefined();
    const bodies = server.received.filter(({ path }) => path === '/pictures').map(({ body }) => body);
    expect(bodies.map((body) => body.includes('PICTURE'))).toEqual([true, false, false, false]);
    expect(bodies[0]).toContain('name="payload_json"');
    expect(bodies[0]).toContain('filename="sample.png"');
    expect(() => notifySchema.parse({ web: [{ format: 'slack', url_env: 'A', pictures: true }] })).toThrow('Discord');
  });
});

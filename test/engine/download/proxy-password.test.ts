import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assert, asyncProperty, string } from 'fast-check';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgent } from '../../../src/engine/download/agent.ts';
import { downloadSettings } from '../../../src/engine/download/settings.ts';
import { EnvironmentError } from '../../../src/engine/errors.ts';

const logins: string[] = [];
// As a proxy for plain http is asked: the whole address, and the login in a header.
const proxy = createServer((asked, response) => {
  const login = asked.headers['proxy-authorization'] ?? '';
  logins.push(Buffer.from(login.slice('Basic '.length), 'base64').toString());
  response.end('there');
});
let host: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
afterAll(() => {
  proxy.closeAllConnections();
  proxy.close();
});

/** The login the proxy was told, or the error before anything was sent. */
async function ask(userinfo: string): Promise<string | EnvironmentError> {
  const env = { http_proxy: `http://${userinfo}@${host}` };
  let dispatcher: ReturnType<typeof createAgent>;
  try {
    dispatcher = createAgent(downloadSettings(env), env);
  } catch (error) {
    if (error instanceof EnvironmentError) return error;
    throw error;
  }
  const { body } = await request('http://host.example/file', { dispatcher });
  await body.text();
  await dispatcher.close();
  return logins.at(-1) ?? '';
}

describe('a password in a proxy variable', () => {
  it('arrives, whatever it is, when it is written as addresses want it', async () => {
    const passwords = string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    await assert(
      asyncProperty(passwords, async (password) => {
        const written = encodeURIComponent(password);
        expect(await ask(`ann:${written}`)).toBe(`ann:${password}`);
      }),
      { numRuns: 100 },
    );
  });

  it('arrives as it is typed or is refused in words that do not show it', async () => {
    const typed = string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 });
    await assert(
      asyncProperty(typed, async (noise) => {
        const password = `hunter2${noise}`;
        const answer = await ask(`ann:${password}`);
        if (typeof answer === 'string') {
          expect([password, decodeURIComponent(password.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'))]).toContain(
            answer.slice('ann:'.length),
          );
          return;
        }
        expect(answer.exitCode).toBe(3);
        expect([answer.message, ...answer.details, ...answer.nextSteps].join()).not.toContain('hunter2');
      }),
      { numRuns: 200 },
    );
  });

  it.each(['ann:100%', 'ann:50%zz', 'ann:a/b', 'ann:12/b', 'ann:a#b', 'ann:a?b', 'ann:%ff', 'ann:a\\b'])(
    'is refused as %s, with how to write it',
    async (userinfo) => {
      const answer = await ask(userinfo);
      expect(answer).toMatchObject({ exitCode: 3, nextSteps: [expect.stringContaining('%25'), expect.anything()] });
    },
  );
});

// Downloads from a server whose answers are drawn: `node bench/header-fuzz.mjs [COUNT] [SEED] [--only NUMBER]`.
//
// Each input is one download (three of four) or one small request, with hostile statuses, lengths, ranges, ETags,
// encodings, redirects, waits, content types, odd or huge headers, and bodies that are wrong, short or slow. Right is
// the right file, or an error in bounded words with an id and a documented exit code. It is wrong if another file has
// the name, anything is written outside the folder, an error has no words, or a request takes longer than its clocks
// allow. Such inputs are printed with their number and answers; `--only` repeats one. It ends with 1 then.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { EXIT, VisiontrainError } from '../src/base/errors.ts';
import { fetchFile } from '../src/download/fetch-file.ts';
import { askAbout, readJson, readStart } from '../src/download/http/ask.ts';
import { createClient } from '../src/download/http/client.ts';
import { Fault } from '../src/download/http/fault.ts';
import { downloadSettings } from '../src/download/http/settings.ts';
import { addresses } from '../src/download/http/sources.ts';
import { draws } from './lib/random.mjs';

const only = process.argv.indexOf('--only');
const [count = 1000, seed = 1] = process.argv.slice(2, only === -1 ? undefined : only).map(Number);
/**
 * Seconds that an input may take; the timeouts below allow about half. They are counted in turns of this process's own
 * loop, so that a busy machine, which gives the process no turn, is not taken for a hang.
 */
const BOUND = 60;
let turns = 0;
const patience = new Set();
setInterval(() => {
  turns += 1;
  for (const { until, stop } of patience) if (turns >= until) stop.abort(new Error('a hang'));
}, 100).unref();

/** Runs a job with a signal that fires after BOUND. Returns its result and the seconds that it took. */
async function bounded(job) {
  const began = turns;
  const one = { until: began + BOUND * 10, stop: new AbortController() };
  patience.add(one);
  const result = await job(one.stop.signal);
  patience.delete(one);
  return [result, (turns - began) / 10];
}

/** Largest number of characters in one line that a person is shown. */
const LONGEST = 1000;
/** Number of downloads at once: nearly all of each is waiting. */
const AT_ONCE = 16;
const TOKEN = 'hf_secretsecretsecret';
const root = mkdtempSync(join(tmpdir(), 'vt-header-fuzz-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

const header = Buffer.from('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}');
/** A file of several pieces or of one, which begins as safetensors files do. */
const fileOf = (size) => {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i += 1) bytes[i] = (i * 2654435761) >>> 13;
  bytes.writeBigUInt64LE(BigInt(header.length));
  header.copy(bytes, 8);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
};
const [SMALL, MIDDLE, LARGE] = [fileOf(3000), fileOf(70_000), fileOf((2 << 20) + 77)];
const FILES = [SMALL, SMALL, SMALL, MIDDLE, LARGE];

/** Draws that are the same for the same seed and number of an answer. */
const drawsOf = (number) => draws((seed * 1_000_003 + number * 7919) | 0);

const NUMBERS = ['0', '1', '-1', '+5', '1e3', '0x10', '9007199254740993', '18446744073709551616', '9'.repeat(400)];
const ODD = ['', ' ', '"', '\\', '\u0080\u009b31m', '\u00ff\u00fe', 'x'.repeat(3000), 'a, b', '%00', '\t', '../../x'];
const NAMES = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'x-error-code', 'X-Linked-Size', 'x-linked-etag'],
  ...['x-repo-commit', 'set-cookie', 'trailer', 'upgrade', 'connection', 'keep-alive', 'proxy-connection', 'etag'],
  ...["!#$%&'*+-.^_`|~", 'é', 'a b', 'a:b', '', ' x', 'x'.repeat(5000), 'content-length', 'transfer-encoding'],
];
const STATUSES = [
  ...[100, 101, 102, 103, 199, 201, 202, 203, 204, 205, 207, 226, 299, 300, 301, 302, 303, 304, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 407, 408, 410, 411, 412, 413, 416, 418, 421, 425, 429, 431, 451, 499],
  ...[500, 501, 502, 503, 504, 505, 507, 511, 520, 599, 600, 999, 0, 99, 1000],
];
const TYPES = [
  'text/html',
  'TEXT/HTML;x',
  'multipart/byteranges; boundary=x',
  'application/json',
  'image/png',
  ';',
  '/',
];
const ENCODINGS = [
  'gzip',
  'deflate',
  'br',
  'zstd',
  'identity',
  'IDENTITY',
  'identity, gzip',
  '',
  'x'.repeat(2000),
  'é',
];
const WAITS = ['0', '1', '-1', '0.5', '999999999999', '9'.repeat(400), 'Infinity', 'NaN', 'soon', '', '1e9'];
const DATES = ['Thu, 01 Jan 1970 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', 'Sat, 99 Foo 2026', '+275760-09-13'];

/** The address that a redirect leads to; `port` is this server's. */
function location({ oneOf, below }, port) {
  const here = `http://127.0.0.1:${port}`;
  return oneOf([
    ...[
      '/again',
      `${here}/x?y=${below(9)}`,
      `http://user:pw@127.0.0.1:${port}/`,
      '//127.0.0.1:1/',
      'http://127.0.0.1:1/',
    ],
    ...[
      '',
      ' ',
      '#',
      '?',
      '.',
      '../../..',
      'file:///etc/passwd',
      'data:,x',
      'ftp://127.0.0.1/',
      'javascript:1',
      'http://',
    ],
    ...[
      'http://[::1',
      'http://127.0.0.1:99999/',
      `${here}/${'y'.repeat(12_000)}`,
      `http://${'h'.repeat(3000)}.invalid/`,
    ],
    ...[
      '\u00e9\u0080',
      `${here}/%`,
      `${here}/%00%0d%0a`,
      `${here}\\x`,
      `http:${here.slice(5)}`,
      'https://127.0.0.1:1/',
    ],
  ]);
}

const rangeOf = (request) => /^range: bytes=(\d+)-(\d*)\r?$/im.exec(request);

/** An answer of a sound server: status, headers, body. */
function sound(request, file) {
  const range = rangeOf(request);
  const size = file.length;
  const from = range ? Number(range[1]) : 0;
  const to = range && range[2] !== '' ? Math.min(size, Number(range[2]) + 1) : size;
  const headers = [
    ['Content-Type', 'application/octet-stream'],
    ['ETag', '"one"'],
    ...(range ? [['Content-Range', `bytes ${from}-${to - 1}/${size}`]] : []),
  ];
  return { status: range ? 206 : 200, headers, body: file.subarray(from, to), length: 'right', from, to, size };
}

const changes = {
  status: (answer, { oneOf }) => {
    answer.status = oneOf(STATUSES);
  },
  whole: (answer, _, { file }) => {
    answer.status = 200;
    answer.body = file;
    answer.headers = answer.headers.filter(([name]) => name !== 'Content-Range');
  },
  length: (answer, { oneOf }) => {
    answer.length = oneOf([...NUMBERS, 'none', 'twice', 'short', 'long', ...ODD]);
  },
  range: (answer, { oneOf }) => {
    const { from, to, size } = answer;
    const value = oneOf([
      ...[
        `bytes ${from}-${to - 1}/*`,
        `bytes */${size}`,
        `bytes ${from + 1}-${to}/${size}`,
        `bytes ${to}-${from}/${size}`,
      ],
      ...[
        `bytes ${from}-${to - 1}/${size + 1}`,
        `items ${from}-${to - 1}/${size}`,
        `bytes ${from}-`,
        ...NUMBERS,
        ...ODD,
      ],
      ...NUMBERS.map((n) => `bytes ${from}-${to - 1}/${n}`),
      ...NUMBERS.map((n) => `bytes ${n}-${to - 1}/${size}`),
      ...NUMBERS.map((n) => `bytes ${from}-${n}/${size}`),
    ]);
    answer.headers = [...answer.headers.filter(([name]) => name !== 'Content-Range'), ['Content-Range', value]];
  },
  etag: (answer, { oneOf, below }) => {
    const value = oneOf([`"${below(1e6)}"`, 'W/"one"', '"', `"${'e'.repeat(9000)}"`, '"\u00e9\u0080"', ...ODD]);
    answer.headers = [...answer.headers.filter(([name]) => name !== 'ETag'), ['ETag', value]];
  },
  encoding: (answer, { oneOf, below }) => {
    answer.headers.push(['Content-Encoding', oneOf(ENCODINGS)]);
    if (below(2) === 0) answer.body = oneOf([gzipSync, deflateSync])(answer.body);
  },
  transfer: (answer, { oneOf }) => {
    answer.chunked = oneOf([
      'right',
      'both',
      'bad size',
      'huge size',
      'extension',
      'trailer',
      'no end',
      'gzip, chunked',
    ]);
  },
  redirect: (answer, tools, { port }) => {
    answer.status = tools.oneOf([301, 302, 303, 307, 308]);
    answer.headers.push(['Location', location(tools, port)]);
    answer.body = Buffer.alloc(tools.oneOf([0, 10, 200_000]), 0x78);
  },
  wait: (answer, { oneOf }) => {
    answer.status = oneOf([429, 503, 500, 404, 301]);
    answer.headers.push(['Retry-After', oneOf([...WAITS, ...DATES])]);
  },
  type: (answer, { oneOf }) => {
    answer.headers = answer.headers.filter(([name]) => name !== 'Content-Type');
    answer.headers.push(['Content-Type', oneOf([...TYPES, ...ODD])]);
  },
  odd: (answer, { oneOf, below }) => {
    for (let n = below(4) + 1; n > 0; n -= 1)
      answer.headers.splice(below(answer.headers.length + 1), 0, [oneOf(NAMES), oneOf([...ODD, ...NUMBERS])]);
  },
  many: (answer, { oneOf, below }) => {
    const [many, size] = oneOf([
      [2000, 1],
      [3, 9000],
      [1, 200_000],
      [300, 40],
    ]);
    for (let n = 0; n < many; n += 1) answer.headers.push([`x-${n}-${below(9)}`, 'v'.repeat(size)]);
  },
  hub: (answer, { oneOf }, { sha256 }) => {
    answer.headers.push(['X-Linked-Size', oneOf([...NUMBERS, String(answer.size), ...ODD])]);
    answer.headers.push(['X-Linked-ETag', oneOf([`"${sha256}"`, sha256, `"${'0'.repeat(64)}"`, ...ODD])]);
    answer.headers.push(['X-Repo-Commit', oneOf(['a'.repeat(40), ...ODD])]);
    answer.headers.push(['X-Error-Code', oneOf(['GatedRepo', 'EntryNotFound', ...ODD])]);
  },
  body: (answer, { oneOf, below }) => {
    const { body } = answer;
    const spoilt = Buffer.from(body);
    if (spoilt.length > 0) spoilt[below(spoilt.length)] ^= 1 + below(255);
    answer.body = oneOf([
      ...[spoilt, spoilt, body.subarray(0, below(body.length + 1)), Buffer.concat([body, body.subarray(0, 99)])],
      ...[
        Buffer.alloc(0),
        Buffer.alloc(body.length),
        Buffer.from('<!DOCTYPE html><p>Log in'),
        Buffer.from('{"error":1}'),
      ],
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:x'),
    ]);
  },
  raw: (answer, { oneOf, below }) => {
    answer.raw = oneOf([
      ...[
        '',
        '\r\n\r\n',
        'HTTP/1.1',
        'HTTP/1.1 200',
        'HTTP/9.9 200 OK\r\n\r\n',
        'HTTP/1.1 200 OK\n\nx',
        'ICY 200 OK\r\n\r\n',
      ],
      ...[
        'HTTP/1.1 2OO OK\r\n\r\n',
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
        '\0\0\0\0',
      ],
      ...[
        'HTTP/1.1 200 OK\r\n folded: x\r\n\r\n',
        'HTTP/1.0 200 OK\r\n\r\n',
        '\u0015\u0003\u0001\u0000\u0002\u0002\u0050',
      ],
      ...['SSH-2.0-x\r\n', `HTTP/1.1 200 ${'R'.repeat(30_000)}\r\n\r\n`, 'HTTP/1.1 200 OK\r\nA\u0000B: c\r\n\r\n'],
      String.fromCharCode(...Array.from({ length: 60 }, () => below(256))),
    ]);
  },
  early: (answer, { oneOf }) => {
    answer.early = oneOf(['one', 'hundred', 'for ever', 'switching']);
  },
  pace: (answer, { oneOf }) => {
    answer.pace = oneOf(['cut', 'silent', 'drip', 'drip head', 'reset', 'silent head', 'open end']);
  },
};
const KINDS = Object.keys(changes);

function headOf(answer) {
  const { status, headers, body, length, chunked } = answer;
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  if (chunked !== undefined) lines.push(`Transfer-Encoding: ${chunked === 'gzip, chunked' ? chunked : 'chunked'}`);
  const right = String(body.length);
  const words = {
    right,
    none: undefined,
    twice: right,
    short: String(body.length >> 1),
    long: String(body.length + 9),
  };
  const given = length in words ? words[length] : length;
  if (given !== undefined && (chunked === undefined || chunked === 'both')) lines.push(`Content-Length: ${given}`);
  if (length === 'twice') lines.push(`Content-Length: ${given}`);
  return Buffer.from(`HTTP/1.1 ${status} X\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function chunksOf({ body, chunked }) {
  const size = chunked === 'bad size' ? 'zz' : chunked === 'huge size' ? 'f'.repeat(30) : body.length.toString(16);
  const extension = chunked === 'extension' ? `;x=${'e'.repeat(20_000)}` : '';
  const end =
    chunked === 'no end' ? '' : `0\r\n${chunked === 'trailer' ? `Content-Length: 7\r\nETag: "x"\r\n` : ''}\r\n`;
  const start = body.length === 0 ? '' : `${size}${extension}\r\n`;
  return Buffer.concat([Buffer.from(start), body, Buffer.from(body.length === 0 ? end : `\r\n${end}`)]);
}

/** Writes the bytes one by one until the client has had enough. */
function drip(socket, bytes) {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= bytes.length) return clearInterval(timer);
    socket.write(bytes.subarray(at, at + 1));
    at += 1;
  }, 40);
  socket.once('close', () => clearInterval(timer));
}

function send(socket, answer) {
  if (answer.raw !== undefined) return void socket.end(Buffer.from(answer.raw, 'latin1'));
  const early = Buffer.from('HTTP/1.1 103 Early\r\nLink: x\r\n\r\n');
  if (answer.early === 'for ever') {
    const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(early)), 100);
    return void socket.once('close', () => clearInterval(timer));
  }
  if (answer.early === 'switching') socket.write('HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
  for (let n = { one: 1, hundred: 100 }[answer.early] ?? 0; n > 0; n -= 1) socket.write(early);
  const head = headOf(answer);
  const body = answer.chunked === undefined ? answer.body : chunksOf(answer);
  switch (answer.pace) {
    case 'silent head':
      return;
    case 'drip head':
      return drip(socket, head);
    case 'silent':
      return void socket.write(Buffer.concat([head, body.subarray(0, body.length >> 1)]));
    case 'drip':
      socket.write(head);
      return drip(socket, body);
    case 'cut':
      return void socket.end(Buffer.concat([head, body.subarray(0, body.length >> 1)]));
    case 'reset':
      return void socket.write(Buffer.concat([head, body.subarray(0, body.length >> 1)]), () =>
        socket.resetAndDestroy(),
      );
    case 'open end':
      return void socket.end(Buffer.concat([head, body]));
    default:
      return void socket.write(Buffer.concat([head, body]));
  }
}

/** A server that changes each answer in drawn ways, and records these. */
async function hostile(tools, about) {
  const { below, oneOf, chance } = tools;
  const always = chance() < 0.6;
  const chosen = Array.from({ length: below(3) + 1 }, () => oneOf(KINDS));
  let left = always ? Number.POSITIVE_INFINITY : below(4) + 1;
  const sockets = new Set();
  const seen = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const request = text.slice(0, end);
        text = text.slice(end + 4);
        const answer = sound(request, about.file);
        if (left-- > 0) {
          for (const kind of chosen) changes[kind](answer, tools, { ...about, port: server.address().port });
          seen.push(`${chosen.join('+')} ${rangeOf(request)?.[0].trim() ?? 'all'} → ${told(answer)}`);
        }
        if (/^HEAD/.test(request)) answer.body = Buffer.alloc(0);
        send(socket, answer);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${server.address().port}/o/n/m.safetensors`,
    origin: server.address().port,
    seen,
    stop,
  };
}

const told = ({ status, headers, length, chunked, pace, early, raw, body }) =>
  JSON.stringify(raw ?? { status, headers, length, chunked, pace, early, body: body.length }).slice(0, 400);

const settingsFor = (hub) =>
  downloadSettings(
    {},
    {
      connections: { first: 2, most: 2 },
      connectTimeout: 2,
      stallTimeout: 1,
      backOffUnit: 0.002,
      longestWait: 1.5,
      tries: 3,
      reportEvery: 0,
      hubToken: TOKEN,
      hub,
    },
  );

/** The fault of an error, if it has one. */
function problemOf(error) {
  const documented = error instanceof VisiontrainError && error.id !== undefined && error.exitCode !== EXIT.bug;
  if (!documented) return `no documented error: ${error?.stack ?? error}`;
  if (!Object.values(EXIT).includes(error.exitCode)) return `exit code ${error.exitCode}`;
  const long = [error.message, ...(error.details ?? []), ...(error.nextSteps ?? [])].find((line) => unfit(line));
  return long === undefined ? undefined : `unfit words (${long.length}): ${JSON.stringify(long.slice(0, 300))}`;
}

/** Whether a line is too long for a person, holds what no person can read, or holds a secret. */
const unfit = (line) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
  line.length > LONGEST || /[\u0000-\u001f\u007f-\u009f]|NaN|Infinity|undefined/.test(line) || line.includes(TOKEN);

async function download(tools, number, signal) {
  const about = tools.oneOf(FILES);
  const folder = join(root, String(number), 'inside');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'm.safetensors');
  const server = await hostile(tools, { file: about.bytes, sha256: about.sha256 });
  const hub = tools.chance() < 0.3;
  const settings = settingsFor(`http://127.0.0.1:${server.origin}`);
  const source = hub ? { kind: 'hub', repo: 'o/n', path: 'm.safetensors' } : { kind: 'url', url: server.url };
  const wrong = [];
  let error;
  const bytes = tools.chance() < 0.6 ? about.bytes.length : undefined;
  try {
    await fetchFile(
      { path, sha256: about.sha256, bytes, sources: [source], name: 'm' },
      {
        env: {},
        settings,
        signal,
        onProgress: ({ note }) => {
          if (note !== undefined && unfit(note)) wrong.push(`unfit note: ${JSON.stringify(note.slice(0, 300))}`);
        },
      },
    );
  } catch (caught) {
    error = caught;
  }
  const right = existsSync(path) && readFileSync(path).equals(about.bytes);
  if (existsSync(path) && !right) wrong.push('a wrong file has the name');
  if (error === undefined && !right) wrong.push('success without the file');
  if (error !== undefined) wrong.push(problemOf(error));
  const strangers = [
    ...readdirSync(join(root, String(number))).filter((name) => name !== 'inside'),
    ...readdirSync(folder).filter((name) => !name.startsWith('m.safetensors') && !name.startsWith('.m.safetensors')),
  ];
  if (strangers.length > 0) wrong.push(`written beside: ${strangers.join(' ')}`);
  await server.stop();
  rmSync(join(root, String(number)), { recursive: true, force: true });
  return { what: error === undefined ? 'right' : 'refused', wrong: wrong.filter(Boolean), seen: server.seen };
}

/** One of the small requests: a file's facts, its start, a JSON document. */
async function small(tools, number, signal) {
  const about = { file: tools.chance() < 0.5 ? Buffer.from('{"a":[1]}') : MIDDLE.bytes, sha256: MIDDLE.sha256 };
  const server = await hostile(tools, about);
  const settings = settingsFor(`http://127.0.0.1:${server.origin}`);
  const source = number % 2 ? { kind: 'hub', repo: 'o/n', path: 'm' } : { kind: 'url', url: server.url };
  const [address] = addresses([source], 'm', settings, {});
  const client = createClient(settings, {});
  const door = tools.oneOf(['askAbout', 'readJson', 'readStart']);
  const wrong = [];
  let what = 'right';
  try {
    if (door === 'askAbout') {
      const { bytes, sha256, commit } = await askAbout(client, address, signal);
      if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes > 0)) wrong.push(`bytes ${bytes}`);
      if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) wrong.push(`sha256 ${sha256}`);
      if (commit !== undefined && !/^[0-9a-f]{40}$/.test(commit)) wrong.push(`commit ${commit}`);
    } else if (door === 'readJson') await readJson(client, address, signal);
    else if ((await readStart(client, address, 8, signal)).length > 8) wrong.push('more than was asked for');
  } catch (error) {
    what = 'refused';
    if (!(error instanceof Fault)) wrong.push(`${door}: no fault: ${error?.stack ?? error}`);
    else if (unfit(error.message)) wrong.push(`${door}: unfit words: ${JSON.stringify(error.message.slice(0, 300))}`);
  }
  await client.close();
  await server.stop();
  return { what, wrong, seen: server.seen };
}

let wrong = 0;
let now = 0;
const sums = { right: 0, refused: 0 };
let slowest = [0, 0];
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error) => {
    wrong += 1;
    console.log(`${event} near ${now}: ${error?.stack ?? error}`);
  });

async function one(number) {
  const tools = drawsOf(number);
  const door = number % 4 === 3 ? small : download;
  const [result, took] = await bounded((signal) => door(tools, number, signal));
  if (took > slowest[0]) slowest = [took, number];
  if (took >= BOUND) result.wrong.push(`it took ${took.toFixed(0)} s`);
  sums[result.what] += 1;
  if (only !== -1) for (const line of result.seen) console.log(line);
  if (result.wrong.length === 0) return;
  wrong += 1;
  if (wrong > 40) return;
  console.log(`input ${number}: ${result.wrong.slice(0, 3).join('; ')}`);
  for (const line of result.seen.slice(0, 3)) console.log(`  ${line}`);
}

if (only !== -1) await one(Number(process.argv[only + 1]));
else
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (now < count) await one(now++);
    }),
  );
console.log(
  `${only === -1 ? count : 1} inputs: ${sums.right} right, ${sums.refused} refused, ${wrong} wrong; slowest ${slowest[0].toFixed(1)} s (${slowest[1]})`,
);
process.exitCode = wrong > 0 ? 1 : 0;

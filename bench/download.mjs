// Compares downloads with curl and aria2: `node bench/download.mjs [MiB] [rounds] [link …]` (needs curl, aria2c, nginx,
// openssl). Each side fetches one file from nginx on loopback to the disk of the working folder, and checks its
// SHA-256. Links: `open`, `capped` (20 MiB/s per connection), and lines of a total speed, `1gbit` and `2500mbit` (tc in
// a network namespace of its own, so root and iproute2 are needed). The sides run in turn; medians, their ratios and
// CPU seconds per GB are printed. On a shared machine only the ratios mean something, not the times. The start-up of
// the command line is included.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 5);
const links = process.argv.length > 4 ? process.argv.slice(4) : ['open', 'capped', '1gbit', '2500mbit'];
const inNamespace = process.env.BENCH_LINK;
const folder = mkdtempSync(join(process.cwd(), '.cache-bench-'));
const size = mebibytes << 20;
const port = 18_000 + (process.pid % 2000);
const capped = port + 1;
const CAP = 20;

const hash = createHash('sha256');
const source = openSync(join(folder, 'source.bin'), 'w');
for (let i = 0; i < mebibytes; i += 1) {
  const block = randomBytes(1 << 20);
  hash.update(block);
  writeSync(source, block);
}
closeSync(source);
const sha256 = hash.digest('hex');

const server = (listen, limit) =>
  `server { listen 127.0.0.1:${listen}; root ${folder}; ${limit} location / { sendfile on; } }`;
writeFileSync(
  join(folder, 'nginx.conf'),
  `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log; user root;
events { worker_connections 256; }
http { access_log off; client_body_temp_path ${folder}/t; proxy_temp_path ${folder}/t; fastcgi_temp_path ${folder}/t;
uwsgi_temp_path ${folder}/t; scgi_temp_path ${folder}/t;
${server(port, '')} ${server(capped, `limit_rate ${CAP}m;`)} }`,
);
mkdirSync(join(folder, 't'));
const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'inherit' });
await sleep(500);

/** Runs a command; returns its seconds and CPU seconds. */
function timed(command) {
  const { stderr, status } = spawnSync(
    'bash',
    ['-c', `TIMEFORMAT='%R %U %S'; time { ${command}; } 2>/dev/null >/dev/null`],
    {
      encoding: 'utf8',
      env: { ...process.env, VISIONTRAIN_HOME: join(folder, 'home') },
    },
  );
  if (status !== 0) throw new Error(`${command}: ended with ${status}`);
  const [wall, user, system] = stderr.trim().split(/\s+/).slice(-3).map(Number);
  return { wall, cpu: user + system };
}

const out = join(folder, 'out.bin');
const check = `[ "$(openssl dgst -sha256 -r ${out} | cut -c1-64)" = ${sha256} ]`;
const ours = (at) =>
  `${process.execPath} ${root}/bin/visiontrain models pull http://127.0.0.1:${at}/source.bin --sha256 ${sha256} --size ${size} -o ${out}`;
const allSides = (at) => ({
  visiontrain: `${ours(at)}`,
  'curl, then openssl sha256': `curl -sf -o ${out} http://127.0.0.1:${at}/source.bin && ${check}`,
  'aria2 -x1 --checksum': `aria2c -q -x1 -d ${folder} -o out.bin --file-allocation=none --checksum=sha-256=${sha256} http://127.0.0.1:${at}/source.bin`,
  'aria2 -x4 --checksum': `aria2c -q -x4 -s4 -k1M -d ${folder} -o out.bin --file-allocation=none --checksum=sha-256=${sha256} http://127.0.0.1:${at}/source.bin`,
  'curl, no hash': `curl -sf -o ${out} http://127.0.0.1:${at}/source.bin`,
});
/** On slow links a side is left out that is as slow as another one. */
const sides = (at) => {
  const { 'aria2 -x1 --checksum': single, 'curl, no hash': bare, ...rest } = allSides(at);
  return at === capped || inNamespace !== undefined
    ? rest
    : { ...rest, 'aria2 -x1 --checksum': single, 'curl, no hash': bare };
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const megabytes = size / 1e6;

/** Seconds to write the same bytes and sync them to disk: the share of the disk in the bar. */
function writeAndSync() {
  const block = randomBytes(1 << 20);
  const start = performance.now();
  const file = openSync(out, 'w');
  for (let i = 0; i < mebibytes; i += 1) writeSync(file, block);
  fsyncSync(file);
  closeSync(file);
  return { wall: (performance.now() - start) / 1000, cpu: 0 };
}

function compare(title, at, count) {
  const floors = ['disk: write and fsync', ...(at === capped ? [] : ['link: curl to nothing'])];
  const results = Object.fromEntries([...Object.keys(sides(at)), ...floors].map((name) => [name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const [name, command] of Object.entries(sides(at))) {
      rmSync(out, { force: true });
      results[name].push(timed(command));
    }
    rmSync(out, { force: true });
    results['disk: write and fsync'].push(writeAndSync());
    results['link: curl to nothing']?.push(timed(`curl -sf -o /dev/null http://127.0.0.1:${at}/source.bin`));
  }
  const base = median(results.visiontrain.map(({ wall }) => wall));
  console.log(`\n${title}; ${mebibytes} MiB, ${count} rounds, medians`);
  console.log('side                           MB/s   visiontrain is   CPU s per GB');
  for (const [name, values] of Object.entries(results)) {
    const wall = median(values.map((v) => v.wall));
    const cpu = median(values.map((v) => v.cpu));
    console.log(
      name.padEnd(28),
      (megabytes / wall).toFixed(0).padStart(6),
      `${(wall / base).toFixed(2)} × as fast`.padStart(17),
      name.startsWith('disk') ? '' : (cpu / (megabytes / 1000)).toFixed(2).padStart(13),
    );
  }
  if (at === capped) return;
  const floor = Math.max(...floors.map((name) => median(results[name].map(({ wall }) => wall))));
  console.log(`ratio to the slower of disk and link, hash included: ${(floor / base).toFixed(2)} (bar 0.90)`);
}

/** Runs the same script where the loopback itself is limited to `rate`. */
function onLine(rate) {
  const set = `ip link set lo up && tc qdisc add dev lo root tbf rate ${rate} burst 640kb latency 20ms`;
  const { status } = spawnSync(
    'unshare',
    [
      '-n',
      'sh',
      '-c',
      `${set} && exec "$@"`,
      'sh',
      process.execPath,
      import.meta.filename,
      String(mebibytes),
      String(rounds),
      rate,
    ],
    { stdio: 'inherit', env: { ...process.env, BENCH_LINK: rate } },
  );
  if (status !== 0) throw new Error(`${rate}: needs root, unshare and tc`);
}

try {
  const version = (tool, flag = '--version') => execFileSync(tool, [flag], { encoding: 'utf8' }).split('\n')[0];
  if (inNamespace === undefined)
    console.log(
      `Node ${process.versions.node}; ${version('curl').split(' (')[0]}; ${version('aria2c')}; ${new Date().toISOString().slice(0, 10)}, load average ${loadavg()[0].toFixed(1)}`,
    );
  for (const link of links)
    if (link === 'open') compare('Open link', port, rounds);
    else if (link === 'capped') compare(`Each connection capped at ${CAP} MiB/s`, capped, rounds);
    else if (inNamespace === link) compare(`Line of ${link}/s in all`, port, rounds);
    else onLine(link);
} finally {
  nginx.kill();
  await new Promise((resolve) => nginx.on('close', resolve));
  rmSync(folder, { recursive: true, force: true });
}

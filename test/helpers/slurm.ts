/**
 * A real Slurm on this machine: one controller and four configured nodes (slurmd -N), with a munge of their own, all
 * below one folder. It needs Debian's packages slurmctld, slurmd, slurm-client and munge.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { statFields } from '../../src/base/process/identity.ts';

/** The nodes, each of two processors. */
export const NODES = ['a', 'b', 'c', 'd'] as const;

const programs = ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/bin/sbatch', '/usr/sbin/munged'];

/** Why Slurm cannot run here; undefined when it can. Its daemons run jobs as other users, so they need root. */
export function noSlurm(): string | undefined {
  const missing = programs.find((path) => !existsSync(path));
  if (missing !== undefined) return `${missing} is not installed`;
  return process.getuid?.() === 0 ? undefined : 'its daemons need root';
}

export class Slurm {
  readonly dir = mkdtempSync(join(tmpdir(), 'visiontrain-slurm-'));
  readonly env: NodeJS.ProcessEnv;
  readonly #daemons: ChildProcess[] = [];

  constructor() {
    this.env = { ...process.env, SLURM_CONF: join(this.dir, 'slurm.conf') };
  }

  async start(): Promise<void> {
    const [control = 0, ...ports] = await freePorts(1 + NODES.length);
    const key = join(this.dir, 'munge.key');
    const socket = join(this.dir, 'munge.socket');
    writeFileSync(key, randomBytes(128), { mode: 0o400 });
    for (const name of ['state', ...NODES.map((node) => `spool-${node}`)])
      mkdirSync(join(this.dir, name), { mode: 0o755 });
    const host = hostname().split('.')[0];
    writeFileSync(
      join(this.dir, 'slurm.conf'),
      `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${socket},cred_expire=6
CryptoType=crypto/munge
SlurmctldPort=${control}
StateSaveLocation=${this.dir}/state
SlurmdSpoolDir=${this.dir}/spool-%n
SlurmctldPidFile=${this.dir}/ctld.pid
SlurmdPidFile=${this.dir}/slurmd-%n.pid
SlurmctldLogFile=${this.dir}/ctld.log
SlurmdLogFile=${this.dir}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1
SchedulerType=sched/backfill
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MinJobAge=7200
KillWait=5
SlurmdParameters=config_overrides
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
${NODES.map((node, i) => `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=2 RealMemory=1000`).join('\n')}
PartitionName=main Nodes=${NODES} Default=YES MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
PartitionName=urgent Nodes=${NODES} MaxTime=60 PriorityTier=9 PreemptMode=OFF
`,
    );
    const munge = [
      '--foreground',
      '--force',
      `--key-file=${key}`,
      `--socket=${socket}`,
      `--pid-file=${this.dir}/munge.pid`,
    ];
    this.#daemon('/usr/sbin/munged', [
      ...munge,
      `--log-file=${this.dir}/munge.log`,
      `--seed-file=${this.dir}/munge.seed`,
    ]);
    for (let i = 0; i < 100 && !existsSync(socket); i += 1) await sleep(50);
    this.#daemon('/usr/sbin/slurmctld', ['-D']);
    for (const node of NODES) this.#daemon('/usr/sbin/slurmd', ['-D', '-N', node]);
    let said = '';
    for (let i = 0; i < 400; i += 1) {
      const { stdout, stderr } = spawnSync('sinfo', ['-h', '-N', '-o', '%T'], { env: this.env, encoding: 'utf8' });
      if (stdout === 'idle\n'.repeat(2 * NODES.length)) return;
      said = stdout + stderr;
      await sleep(100);
    }
    throw new Error(`Slurm did not come up in ${this.dir}: ${said}`);
  }

  #daemon(program: string, args: readonly string[]): void {
    this.#daemons.push(spawn(program, [...args], { env: this.env, stdio: 'ignore' }));
  }

  /** The node dies: its daemon and all that a job runs there are killed, and the controller is told so. */
  loseNode(node: string, job: number): void {
    this.#killDaemon(node);
    // Halted first: a step daemon that sees its script die would tell the controller that the job has failed.
    const pids = this.#processesOf(job);
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of pids) kill(pid, signal);
    this.#takeForDead(node);
  }

  /** Only the node's daemon dies: the controller takes the node for dead, and what a job runs there lives on. */
  loseDaemon(node: string): void {
    this.#killDaemon(node);
    this.#takeForDead(node);
  }

  #killDaemon(node: string): void {
    this.#daemons.find(({ spawnargs }) => spawnargs.at(-1) === node)?.kill('SIGKILL');
  }

  #takeForDead(node: string): void {
    this.run('scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=test');
  }

  /**
   * The processes of a job: its step daemons, all that have its number among their variables, and what these have started,
   * which may be given other variables.
   */
  #processesOf(job: number): readonly number[] {
    const found = new Set(this.#namedBy(job));
    const all = readdirSync('/proc').filter((name) => /^\d+$/u.test(name));
    for (let before = -1; before !== found.size; ) {
      before = found.size;
      for (const name of all) if (found.has(parentOf(name))) found.add(Number(name));
    }
    return [...found];
  }

  #namedBy(job: number): number[] {
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/u.test(name)) return [];
      try {
        const has = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        const isOurs = has.includes(`SLURM_CONF=${this.env.SLURM_CONF}`);
        const isOf = has.includes(`SLURM_JOB_ID=${job}`) || command.startsWith(`slurmstepd: [${job}.`);
        return isOurs && isOf ? [Number(name)] : [];
      } catch {
        // It has ended.
        return [];
      }
    });
  }

  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, { env: this.env, encoding: 'utf8' });
  }

  async stop(): Promise<void> {
    spawnSync('scancel', ['--user=root', '--signal=KILL', '--full'], { env: this.env });
    spawnSync('scancel', ['--user=root'], { env: this.env });
    await sleep(500);
    for (const daemon of this.#daemons.toReversed()) daemon.kill('SIGTERM');
    for (const daemon of this.#daemons) {
      for (let i = 0; i < 60 && daemon.exitCode === null && daemon.signalCode === null; i += 1) await sleep(50);
      daemon.kill('SIGKILL');
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** The process that started another; 0 where that has ended. */
function parentOf(pid: string): number {
  try {
    return Number(statFields(pid)[1]);
  } catch {
    return 0;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  for (const server of servers) server.close();
  return ports;
}

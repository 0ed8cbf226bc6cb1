/** Compares several runs: settings that differ, and the results. Pure. */
import { WITHOUT_EFFECT } from '../runs/compare.ts';
import type { JudgedRow, RunReport, ValidationPoint } from './types.ts';

export interface ComparedRun {
  readonly name: string;
  readonly state: RunReport['state'];
  readonly verdict: string;
  readonly step: number;
  readonly steps: number;
  readonly seconds: number | null;
  /** The newest loss, as a mean over the last twentieth of its curve; null before the first step. */
  readonly loss: number | null;
  /** The newest validation, and the one with the lowest loss; null without any. */
  readonly validation: ValidationPoint | null;
  readonly best: ValidationPoint | null;
  readonly sha256: string | null;
  /** The checkpoint that `judge` advises; null where the run was not judged, or there is no advice. */
  readonly judged: { readonly measure: string; readonly row: JudgedRow } | null;
}

/** A setting, or a fact about the machine, that differs between runs. The values are in the order of the runs. */
export interface Difference {
  readonly key: string;
  /** One value for each run; null where a run has no such setting. */
  readonly values: readonly unknown[];
}

/** One prompt and seed with the newest sample of each run, in the order of the runs. */
export interface ComparedSample {
  readonly prompt: string;
  readonly seed: number;
  readonly newest: readonly ({ readonly step: number; readonly path: string } | null)[];
}

export interface RunsCompared {
  readonly runs: readonly ComparedRun[];
  readonly settings: readonly Difference[];
  readonly machine: readonly Difference[];
  readonly samples: readonly ComparedSample[];
}

export function compareReports(reports: readonly RunReport[]): RunsCompared {
  const settings = reports.map((report) => new Map(report.settings.map(({ key, value }) => [key, value])));
  const facts = reports.map(({ machine }) => new Map<string, unknown>(Object.entries(machine)));
  return {
    runs: reports.map(comparedRun),
    settings: differing(settings, (key) => key !== 'name' && !isNewer(key, reports)),
    machine: differing(facts, (key) => !WITHOUT_EFFECT.has(key) && !PER_RUN.has(key)),
    samples: samples(reports),
  };
}

/**
 * Whether a key is newer than one of the runs and has its default everywhere. The older run then did what the default
 * means, so the runs do not differ.
 */
function isNewer(key: string, reports: readonly RunReport[]): boolean {
  const there = reports.flatMap(({ settings }) => settings.filter((setting) => setting.key === key));
  const values = new Set(there.map(({ value }) => JSON.stringify(value)));
  return there.length < reports.length && values.size === 1 && there.every(({ by }) => by !== 'you');
}

/** Facts that depend on settings, or on the moment. */
const PER_RUN: ReadonlySet<string> = new Set(['memory_bytes', 'kernel']);
/** Share of the loss curve whose mean is shown as the newest loss. */
const NEWEST = 0.05;

function comparedRun(report: RunReport): ComparedRun {
  const { name, state, verdict, step, steps, seconds, loss, validation, files } = report;
  const newest = loss.values.slice(-Math.max(1, Math.round(loss.values.length * NEWEST)));
  return {
    name,
    state,
    verdict: verdict.title,
    step,
    steps,
    seconds,
    loss: newest.length === 0 ? null : newest.reduce((sum, value) => sum + value, 0) / newest.length,
    validation: validation.at(-1) ?? null,
    best: validation.toSorted((a, b) => a.loss - b.loss)[0] ?? null,
    sha256: files[0]?.sha256 ?? null,
    judged: advisedRow(report),
  };
}

function advisedRow({ judgement }: RunReport): ComparedRun['judged'] {
  const advised = judgement?.advice ?? null;
  const row = judgement?.rows.find(({ step, strength }) => step === advised?.step && strength === advised.strength);
  return judgement === null || row === undefined ? null : { measure: judgement.measure, row };
}

function differing(runs: readonly ReadonlyMap<string, unknown>[], counts: (key: string) => boolean): Difference[] {
  const keys = [...new Set(runs.flatMap((run) => [...run.keys()]))].filter(counts);
  return keys
    .map((key) => ({ key, values: runs.map((run) => run.get(key) ?? null) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

function samples(reports: readonly RunReport[]): ComparedSample[] {
  const groups = new Map<string, ComparedSample>();
  reports.forEach((report, i) => {
    for (const { prompt, seed, steps } of report.samples) {
      const key = JSON.stringify([prompt, seed]);
      const group = groups.get(key) ?? { prompt, seed, newest: reports.map(() => null) };
      groups.set(key, { ...group, newest: group.newest.with(i, steps.at(-1) ?? null) });
    }
  });
  return [...groups.values()];
}

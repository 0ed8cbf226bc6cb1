/** The newest values of a run in Prometheus' text format, for node_exporter's textfile collector. Pure. */
import { secondsLeft } from '../events/pace.ts';
import type { RunState } from '../events/run-state.ts';

interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: number | undefined;
}

export function prometheusText(state: RunState, now: number): string {
  const { latest, exit } = state;
  const gauges: readonly Gauge[] = [
    { name: 'live', help: '1 while the run goes on', value: exit === undefined ? 1 : 0 },
    { name: 'exit_code', help: 'exit code of a run that is over', value: exit?.code },
    { name: 'step', help: 'optimiser steps that are done', value: state.step },
    { name: 'steps', help: 'optimiser steps of the whole run', value: state.steps },
    { name: 'loss', help: 'smoothed training loss', value: state.smoothedLoss },
    { name: 'validation_loss', help: 'loss on pictures that are not trained on', value: state.latestValidation?.loss },
    { name: 'learning_rate', help: 'learning rate', value: latest?.lr_used ?? latest?.lr },
    { name: 'grad_norm', help: 'norm of the gradient', value: latest?.grad_norm },
    { name: 'images_per_second', help: 'pictures trained on in a second', value: latest?.images_per_second },
    { name: 'memory_peak_bytes', help: 'most memory that was taken', value: state.peakMemory },
    { name: 'seconds_left', help: 'seconds until the last step', value: secondsLeft(state.pace, state.steps, now) },
    { name: 'last_event_timestamp_seconds', help: 'when the run last said something', value: state.lastEventAt },
  ];
  const run = label(state.name);
  const lines = gauges.flatMap(({ name, help, value }) =>
    value === undefined || !Number.isFinite(value)
      ? []
      : [
          `# HELP visiontrain_${name} ${help}`,
          `# TYPE visiontrain_${name} gauge`,
          `visiontrain_${name}{run="${run}"} ${value}`,
        ],
  );
  const metrics = new Map(state.metrics.flatMap(({ values }) => Object.entries(values)));
  const measured = [...metrics].map(
    ([name, value]) => `visiontrain_metric{run="${run}",name="${label(name)}"} ${value}`,
  );
  const head = ['# HELP visiontrain_metric what hooks answered', '# TYPE visiontrain_metric gauge'];
  return `${[...lines, ...(measured.length > 0 ? [...head, ...measured] : [])].join('\n')}\n`;
}

const label = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

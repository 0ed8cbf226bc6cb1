/** Draws loss, validation and learning rate with uPlot, and zooms them by mouse and keyboard. */
import uPlot from 'uplot';

interface Curve {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

interface Run {
  readonly name: string;
  readonly loss: Curve;
  readonly validation: Data['validation'];
}

interface Data {
  /** Several runs, on the page that compares them; the other fields belong to a single run. */
  readonly runs?: readonly Run[];
  readonly loss: Curve;
  readonly rate: Curve;
  readonly validation: readonly { readonly step: number; readonly loss: number; readonly stderr: number }[];
  readonly best: number | null;
}

let charts: uPlot[] = [];

/** Draws all charts anew: after the page was made, renewed, or changed between light and dark. */
export function drawCharts(): void {
  for (const chart of charts) chart.destroy();
  charts = [];
  const source = document.getElementById('curves-data')?.textContent;
  if (!source) return;
  const data = JSON.parse(source) as Data;
  for (const place of document.querySelectorAll<HTMLElement>('[data-chart]')) {
    const draw = { rate: rateChart, runs: runsChart, loss: lossChart }[place.dataset.chart ?? ''] ?? lossChart;
    const chart = draw(place, data);
    charts.push(chart);
    tellRange(place, chart);
    place.onkeydown = (event) => zoomByKey(event, chart);
  }
}

export function resizeCharts(): void {
  for (const chart of charts) chart.setSize(sizeOf(chart.root.parentElement as HTMLElement));
}

const sizeOf = (place: HTMLElement): { width: number; height: number } => ({
  width: Math.max(240, place.clientWidth),
  height: place.classList.contains('small') ? 140 : 320,
});

/** A colour of the style as a canvas takes it, which knows neither CSS variables nor `light-dark()`. */
function colour(name: string, alpha = 1): string {
  const probe = document.createElement('span');
  probe.style.color = `color-mix(in srgb, var(${name}) ${alpha * 100}%, transparent)`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Weight of the newest value in the smoothed loss: a mean over about 20 values. */
const NEWEST = 0.05;

function smoothed(values: readonly number[]): number[] {
  let mean = values[0] ?? 0;
  return values.map((value, i) => {
    mean += (value - mean) * Math.max(NEWEST, 1 / (i + 1));
    return mean;
  });
}

function axes(format: (value: number) => string): uPlot.Axis[] {
  const look = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  return [
    { ...look, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : '')) },
    { ...look, size: 62, values: (_, ticks) => ticks.map(format) },
  ];
}

const common = (place: HTMLElement) => ({
  ...sizeOf(place),
  cursor: { drag: { x: true, y: false }, sync: { key: 'steps' } },
  scales: { x: { time: false } },
});

function lossChart(place: HTMLElement, { loss, validation, best }: Data): uPlot {
  const at = new Map(validation.map((point) => [point.step, point]));
  const steps = [...new Set([...loss.steps, ...at.keys()])].sort((a, b) => a - b);
  const values = new Map(loss.steps.map((step, i) => [step, loss.values[i] ?? 0]));
  const means = smoothed(loss.values);
  const mean = new Map(loss.steps.map((step, i) => [step, means[i] ?? 0]));
  const format = (value: number | null) => (value === null ? '–' : value.toPrecision(4));
  const line = (label: string, stroke: string, width: number): uPlot.Series => ({
    label,
    stroke,
    width,
    spanGaps: true,
    points: { show: false },
    value: (_, value) => format(value),
  });
  const column = (of: (step: number) => number | undefined) => steps.map((step) => of(step) ?? null);
  const error = (sign: 1 | -1) =>
    column((step) => {
      const point = at.get(step);
      return point === undefined ? undefined : point.loss + sign * point.stderr;
    });
  const band = { ...line('', colour('--validation'), 0), label: '', show: true };
  // A run without validation has no line for it, and none in the legend.
  const measured = [
    { ...line('Validation', colour('--validation'), 2.5), points: { show: true, size: 7 } },
    { ...band, label: 'upper' },
    { ...band, label: 'lower' },
  ];
  const hasValidation = validation.length > 0;
  return new uPlot(
    {
      ...common(place),
      axes: axes((value) => value.toPrecision(2)),
      series: [
        { label: 'Step' },
        line('Loss of the step', colour('--faint'), 1),
        line('Loss, smoothed', colour('--accent'), 2.5),
        ...(hasValidation ? measured : []),
      ],
      bands: hasValidation ? [{ series: [4, 5], fill: colour('--validation', 0.2) }] : [],
      hooks: {
        draw: best === null ? [] : [(chart) => markStep(chart, best)],
        setScale: [(chart) => tellRange(place, chart)],
      },
    },
    [
      steps,
      column((step) => values.get(step)),
      column((step) => mean.get(step)),
      ...(hasValidation ? [column((step) => at.get(step)?.loss), error(1), error(-1)] : []),
    ],
    place,
  );
}

/** A dashed line at the step that validated best. */
function markStep(chart: uPlot, step: number): void {
  const x = Math.round(chart.valToPos(step, 'x', true));
  const { left, width, top, height } = chart.bbox;
  if (x < left || x > left + width) return;
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = colour('--validation');
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  ctx.restore();
}

function rateChart(place: HTMLElement, { rate }: Data): uPlot {
  return new uPlot(
    {
      ...common(place),
      hooks: { setScale: [(chart) => tellRange(place, chart)] },
      axes: axes((value) => (value === 0 ? '0' : value.toExponential(1))),
      series: [
        { label: 'Step' },
        {
          label: 'Learning rate',
          stroke: colour('--accent'),
          width: 2,
          fill: colour('--accent', 0.13),
          points: { show: false },
          value: (_, value) => (value === null ? '–' : value.toExponential(2)),
        },
      ],
    },
    [[...rate.steps], [...rate.values]],
    place,
  );
}

/** Colours of runs, as many as the style has. Runs beyond that number have dotted curves. */
const RUN_COLOURS = 8;

/** The smoothed loss of each run, and its validation dashed in the same colour. */
function runsChart(place: HTMLElement, { runs = [] }: Data): uPlot {
  const steps = [...new Set(runs.flatMap(({ loss, validation }) => [...loss.steps, ...validation.map((p) => p.step)]))];
  steps.sort((a, b) => a - b);
  const column = (of: ReadonlyMap<number, number>) => steps.map((step) => of.get(step) ?? null);
  const value: uPlot.Series.Value = (_, y) => (y === null ? '–' : y.toPrecision(4));
  const columns = runs.flatMap(({ loss, validation }) => {
    const means = smoothed(loss.values);
    return [
      column(new Map(loss.steps.map((step, i) => [step, means[i] ?? 0]))),
      column(new Map(validation.map((point) => [point.step, point.loss]))),
    ];
  });
  const series = runs.flatMap(({ name }, i): uPlot.Series[] => {
    const stroke = colour(`--run-${i % RUN_COLOURS}`);
    const line = { stroke, value, spanGaps: true };
    return [
      { ...line, label: name, width: 2, points: { show: false }, ...(i < RUN_COLOURS ? {} : { dash: [2, 3] }) },
      { ...line, label: `${name}, validation`, width: 1.5, dash: [6, 4], points: { show: true, size: 6 } },
    ];
  });
  return new uPlot(
    {
      ...common(place),
      hooks: { setScale: [(chart) => tellRange(place, chart)] },
      axes: axes((y) => y.toPrecision(2)),
      series: [{ label: 'Step' }, ...series],
    },
    [steps, ...columns],
    place,
  );
}

/** Says which steps are shown, for readers who cannot see the axis. */
function tellRange(place: HTMLElement, { scales: { x } }: uPlot): void {
  place.setAttribute('aria-description', `steps ${Math.round(x?.min ?? 0)} to ${Math.round(x?.max ?? 0)} are shown`);
}

const ZOOM = 0.6;
const MOVE = 0.2;

/** + and − zoom around the middle, the arrows move, 0 shows all. */
function zoomByKey(event: KeyboardEvent, chart: uPlot): void {
  const xs = chart.data[0];
  const [first = 0, last = 1] = [xs[0], xs.at(-1)];
  const { min = first, max = last } = chart.scales.x ?? {};
  const [from, to] = [min ?? first, max ?? last];
  const [middle, half] = [(from + to) / 2, (to - from) / 2];
  const range = {
    '+': [middle - half * ZOOM, middle + half * ZOOM],
    '=': [middle - half * ZOOM, middle + half * ZOOM],
    '-': [middle - half / ZOOM, middle + half / ZOOM],
    ArrowLeft: [from - half * MOVE, to - half * MOVE],
    ArrowRight: [from + half * MOVE, to + half * MOVE],
    '0': [first, last],
  }[event.key];
  if (range === undefined) return;
  event.preventDefault();
  const [low = first, high = last] = range;
  const width = Math.min(high - low, last - first);
  const start = Math.min(Math.max(low, first), last - width);
  chart.setScale('x', { min: start, max: start + width });
}

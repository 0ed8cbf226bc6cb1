/** Script of the report's page: sliders, curves, light and dark colours, and renewal while a run is live. */
import { drawCharts, resizeCharts } from './charts.ts';

/** Sliders that a person moved, by id, with the step they chose; they stay there when a live page is renewed. */
const chosen = new Map<string, string>();

function showStep(figure: Element, slider: HTMLInputElement): void {
  const frames = [...figure.querySelectorAll<HTMLElement>('.frame.step')];
  const sheet = figure.classList.contains('sheet');
  frames.forEach((frame, i) => {
    frame.hidden = !sheet && i !== Number(slider.value);
  });
  const step = frames[Number(slider.value)]?.dataset.step ?? '';
  slider.setAttribute('aria-valuetext', `step ${step}`);
  const output = figure.querySelector('output');
  if (output !== null) output.textContent = step;
}

function wireSamples(): void {
  for (const figure of document.querySelectorAll('.prompt')) {
    const slider = figure.querySelector<HTMLInputElement>('input[type=range]');
    if (slider === null) continue;
    const frames = [...figure.querySelectorAll<HTMLElement>('.frame.step')];
    const kept = frames.findIndex((frame) => frame.dataset.step === chosen.get(slider.id));
    if (kept >= 0) slider.value = String(kept);
    slider.addEventListener('input', () => {
      chosen.set(slider.id, frames[Number(slider.value)]?.dataset.step ?? '');
      showStep(figure, slider);
    });
    const all = figure.querySelector<HTMLButtonElement>('[data-sheet]');
    all?.addEventListener('click', () => {
      all.setAttribute('aria-pressed', String(figure.classList.toggle('sheet')));
      showStep(figure, slider);
    });
    showStep(figure, slider);
  }
}

function wireSettings(): void {
  const only = document.querySelector<HTMLInputElement>('[data-only-yours]');
  const filter = () => {
    for (const row of document.querySelectorAll<HTMLElement>('.settings tr[data-by]'))
      row.hidden = only?.checked === true && row.dataset.by !== 'you';
    for (const table of document.querySelectorAll<HTMLElement>('.settings table'))
      table.hidden = table.querySelector('tbody tr:not([hidden])') === null;
  };
  only?.addEventListener('change', filter);
  filter();
}

function wireTheme(): void {
  const root = document.documentElement;
  document.querySelector('[data-theme-switch]')?.addEventListener('click', () => {
    const dark =
      root.dataset.theme === undefined
        ? matchMedia('(prefers-color-scheme: dark)').matches
        : root.dataset.theme === 'dark';
    root.dataset.theme = dark ? 'light' : 'dark';
    drawCharts();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawCharts);
}

function wireMain(): void {
  wireSamples();
  wireSettings();
  drawCharts();
}

/** Takes the newest page from the server and puts its main part in place of the present one. */
async function renew(): Promise<void> {
  const answer = await fetch(location.href, { cache: 'no-store' });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const main = page.querySelector('main');
  if (main === null) return;
  const open = [...document.querySelectorAll('details')].map(({ open: isOpen }) => isOpen);
  const focused = document.activeElement?.id ?? '';
  document.querySelector('main')?.replaceWith(main);
  document.querySelectorAll('details').forEach((each, i) => {
    each.open = open[i] ?? each.open;
  });
  wireMain();
  if (focused !== '') document.getElementById(focused)?.focus({ preventScroll: true });
}

const events = document.body.dataset.live;
if (events !== undefined) new EventSource(events).addEventListener('message', () => void renew());
wireTheme();
wireMain();
addEventListener('resize', resizeCharts);

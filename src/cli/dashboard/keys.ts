/** Every key of the dashboard. The bar at the bottom, the help and the key handler all read this list. */
export type Action = 'detach' | 'stop' | 'checkpoint' | 'sample' | 'pictures' | 'log' | 'help';

export interface Key {
  readonly keys: readonly string[];
  readonly action: Action;
  /** Text in the bar. */
  readonly label: string;
  readonly help: string;
  /** Whether the key sends a request to the run. A read-only view does not have such keys. */
  readonly asks: boolean;
}

export const dashboardKeys: readonly Key[] = [
  {
    keys: ['d', 'q'],
    action: 'detach',
    label: 'detach',
    help: 'Leaves this screen. The run goes on; visiontrain attach brings the screen back.',
    asks: false,
  },
  {
    keys: ['s'],
    action: 'stop',
    label: 'stop',
    help: 'Saves a checkpoint and stops. visiontrain resume goes on from there as if nothing had happened.',
    asks: true,
  },
  { keys: ['c'], action: 'checkpoint', label: 'checkpoint', help: 'Saves a checkpoint now and goes on.', asks: true },
  { keys: ['g'], action: 'sample', label: 'sample', help: 'Makes sample pictures now.', asks: true },
  {
    keys: ['p'],
    action: 'pictures',
    label: 'pictures',
    help: 'Looks at the samples, with and without the LoRA.',
    asks: false,
  },
  { keys: ['l'], action: 'log', label: 'log', help: 'What the trainer prints.', asks: false },
  { keys: ['?'], action: 'help', label: 'help', help: 'This page.', asks: false },
];

export function keysFor(readonly: boolean): readonly Key[] {
  return dashboardKeys.filter((key) => !readonly || !key.asks);
}

export function actionOf(pressed: string, readonly: boolean): Action | undefined {
  return keysFor(readonly).find(({ keys }) => keys.includes(pressed))?.action;
}

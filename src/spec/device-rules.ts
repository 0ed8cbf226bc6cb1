/** Rules between the keys that say which devices train. */
import type { RunSpec } from './schema.ts';
import { type Rule, when } from './training/rule.ts';

export const deviceRules: readonly Rule<RunSpec>[] = [
  {
    key: 'resources.devices',
    level: 'error',
    check: ({ resources: { devices } }) =>
      when(Array.isArray(devices) && new Set(devices).size < devices.length, 'must name each card once'),
  },
  {
    key: 'resources.devices',
    level: 'error',
    check: ({ resources: { device, devices } }) =>
      when(
        Array.isArray(devices) && device !== 'auto' && device !== 'cuda' && device !== `cuda:${devices[0]}`,
        `lists cards, and resources.device says ${device}: write device: auto`,
      ),
  },
];

/** Reads the duration of a step in earlier runs of the same kind on this machine. */
import { resolve } from 'node:path';
import { VisiontrainError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import type { probeHardware } from '../../engine/hardware/probe.ts';
import { chooseDevice, deviceName } from '../../engine/plan/device.ts';
import { textEncoderRates } from '../../engine/plan/parameters.ts';
import { earlierPace } from '../../engine/runs/paces.ts';
import { findBase } from '../../registry/catalogue/find.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { weightBytes } from '../../registry/checkpoints/weight-bytes.ts';
import { sidesOf } from '../../spec/sections/resolution.ts';
import type { WizardFacts } from '../questions/facts.ts';

type Hardware = Awaited<ReturnType<typeof probeHardware>>;

export interface PaceSource {
  readonly hardware: Hardware;
  readonly registry: Registry;
  readonly places: Places;
  /** Folder that paths in the spec start from. */
  readonly dir: string;
}

/**
 * Makes the estimate.
 * @returns a function from a spec to the seconds of a step; undefined where there was no run of its kind
 */
export function paceReader({ hardware, registry, places, dir }: PaceSource): NonNullable<WizardFacts['pace']> {
  return (spec) => {
    try {
      const sides = sidesOf(spec.dataset.resolution);
      const chosen = chooseDevice(spec, hardware, []);
      const entry = findBase(registry, spec.model.base);
      const path = entry === undefined ? resolve(dir, spec.model.base) : locateModel(entry, places).path;
      const resources = {
        ...spec.resources,
        precision: chosen.precision,
        tf32: chosen.tf32,
        stream_base: spec.resources.stream_base && chosen.device.startsWith('cuda'),
      };
      return earlierPace(places.state, {
        shape: { model: spec.model, training: { ...spec.training, optimizer: chosen.optimizer }, resources },
        card: deviceName({ device: chosen.device, threads: spec.resources.threads ?? hardware.cpuCores }, hardware),
        encoders: textEncoderRates(spec).some((rate) => rate > 0),
        pixels: sides.reduce((sum, side) => sum + side ** 2, 0) / sides.length,
        weights: weightBytes(path),
      });
    } catch (error) {
      // A device that is not there is told by the question that asks for it.
      if (error instanceof VisiontrainError) return undefined;
      throw error;
    }
  };
}

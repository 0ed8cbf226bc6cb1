/** Turns a failure reported by one of our Python programs into the error for the person. */
import { z } from 'zod';
import { type ErrorId, isErrorId } from '../../../base/error-catalogue.ts';
import {
  EnvironmentError,
  EXIT,
  type TrainingError,
  type UsageError,
  type VisiontrainError,
} from '../../../base/errors.ts';

/** The failure that a program reports (`told` in the trainer's `base/errors.py`). */
export const failureShape = {
  id: z.string().optional(),
  code: z.number(),
  reason: z.string(),
  details: z.array(z.string()),
  next_steps: z.array(z.string()),
};

type ProgramFailure = z.infer<z.ZodObject<typeof failureShape>>;

/**
 * The error: an EnvironmentError when the machine is at fault, otherwise of the given kind. It has the id that the
 * program reports, or `otherwise` when it reports none that is known here.
 */
export function programError(
  { id, code, reason, details, next_steps: nextSteps }: ProgramFailure,
  otherwise: ErrorId,
  Kind: typeof TrainingError | typeof UsageError,
): VisiontrainError {
  const known = id !== undefined && isErrorId(id) ? id : otherwise;
  const Shown = code === EXIT.environment ? EnvironmentError : Kind;
  return new Shown(reason, { id: known, details, nextSteps });
}

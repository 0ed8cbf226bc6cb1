import { EXIT } from '../../base/errors.ts';
import { jsonSchema } from '../../spec/json-schema.ts';
import type { CommandRun } from '../shell/context.ts';

/** Prints the JSON Schema of run.yaml; the output is JSON with or without `--json`. */
export const run: CommandRun = async (_args, _options, { out }) => {
  out.json(jsonSchema());
  return EXIT.ok;
};

import { EXIT } from '../../../base/errors.ts';
import { serveBox } from '../../../engine/boxes/serve.ts';
import type { CommandRun } from '../../shell/context.ts';

/** Answers one request from visiontrain on another machine, which is read from stdin as JSON. */
export const run: CommandRun = async (_what, _options, { out, places, env }) => {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const part of process.stdin) text += part;
  out.jsonLine(await serveBox(text, places, env));
  return EXIT.ok;
};

import { findRun } from '../../engine/runs/find.ts';
import type { CommandRun } from '../shell/context.ts';
import { watchRun } from './shared/watch.ts';

/** Watches a run to its end. Leaving changes nothing for the run. */
export const run: CommandRun = async ([query = ''], options, context) =>
  watchRun(findRun(query, context.places.runs), context, { readonly: options.readonly === true });

import { UsageError } from '../../src/base/errors.ts';

/**
 * The text that a person reads when `attempt` is refused: the message and what to type next. Fails when nothing is
 * refused.
 */
export async function refusalOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof UsageError) return [error.message, ...error.nextSteps].join(' ');
    throw error;
  }
  throw new Error('it was accepted');
}

/** How many bytes one connection asks for at a time. Pure. */

const SHORTEST_RANGE = 2 << 20;
const LONGEST_RANGE = 64 << 20;
/** Seconds of work that a range should last when several connections share the file. */
const RANGE_SECONDS = 4;

export interface Sharing {
  /** Connections that share what is left. */
  readonly connections: number;
  /** Bytes of the file that are left. */
  readonly left: number;
  /** Bytes that all connections have brought so far, and the seconds since they began. */
  readonly received: number;
  readonly passed: number;
}

/** Bytes of a range: enough that the requests cost little, and few enough that all connections end together. */
export function rangeLength({ connections, left, received, passed }: Sharing): number {
  if (connections === 1) return Number.POSITIVE_INFINITY;
  const fairShare = left / (2 * connections);
  const earned = passed < 0.5 ? SHORTEST_RANGE * 4 : (received / passed / connections) * RANGE_SECONDS;
  return Math.min(LONGEST_RANGE, Math.max(SHORTEST_RANGE, Math.min(fairShare, earned)));
}

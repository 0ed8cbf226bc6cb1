import { existsSync } from 'node:fs';
import { UsageError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { intoGivenPlace } from '../../../base/files/given-place.ts';
import { readGiven } from '../../../base/files/regular-file.ts';
import { PAGE_MARK } from '../../../report/assets.ts';

/** Most bytes of a file that could be an older page. */
const MOST_BYTES = 64 << 20;

/**
 * Writes a page whole.
 * @param choose what to type to get another place
 * @throws UsageError when a file is there that is no report, which we must not replace; EnvironmentError
 */
export function writePage(path: string, page: string, choose: string): void {
  if (existsSync(path)) {
    const start = readGiven(path, MOST_BYTES).subarray(0, PAGE_MARK.length).toString('utf8');
    if (start !== PAGE_MARK)
      throw new UsageError(`${path} is there already, and is no report.`, {
        id: 'file/exists',
        nextSteps: [`Choose another name:  ${choose}`],
      });
  }
  intoGivenPlace(path, choose, () => writeFileAtomic(path, page, 0o600));
}

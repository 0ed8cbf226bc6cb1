/** The advice after an error of the file system fits the file that it is about. */
import { expect, it } from 'vitest';
import { reportError } from '../../../src/cli/shell/report-error.ts';

function said(code: string, path: string): string {
  const lines: string[] = [];
  const keep = (line: string) => void lines.push(line);
  const out = { talk: keep, wrapped: keep, aside: keep } as unknown as Parameters<typeof reportError>[1];
  const error = Object.assign(new Error(code), { code, path });
  expect(reportError(error, out, { json: false, debug: false, own: ['/home/p/vt'] })).toBe(3);
  return lines.join('\n');
}

it('VISIONTRAIN_HOME is advised only for files whose place it decides', () => {
  expect(said('EACCES', '/home/p/vt/models/a')).toMatch(/permission denied.*VISIONTRAIN_HOME/s);
  expect(said('EACCES', '/home/p/vt-pictures/run.yaml')).toMatch(/permission denied.*the right to it/s);
  expect(said('ENOSPC', '/data/run.yaml')).toMatch(/the disk is full.*Make room/s);
  for (const code of ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'ESTALE', 'EINVAL', 'ENOTSUP', 'EBUSY'])
    expect(said(code, '/data/run.yaml')).not.toContain('VISIONTRAIN_HOME');
});

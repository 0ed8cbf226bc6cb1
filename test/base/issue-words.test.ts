import { expect, it } from 'vitest';
import { z } from 'zod';
import { issueWords } from '../../src/base/issue-words.ts';

const schema = z.strictObject({
  name: z.string().min(2),
  steps: z.number().int().min(1).max(10),
  kind: z.enum(['lora', 'dora']),
  tags: z.array(z.string()).max(1),
});

it('says what is wrong with a value in words that follow its key', () => {
  const { error } = schema.safeParse({ name: 'x', steps: 'many', kind: 'lokr', tags: ['a', 'b'], rnak: 8 });
  expect(error?.issues.map((issue) => `${issue.path.join('.')} ${issueWords(issue)}`)).toEqual([
    'name must be 2 characters or more',
    'steps must be a number',
    'kind must be lora or dora',
    'tags must be 1 entries at most',
    ' must not have rnak: there is no such key',
  ]);
  expect(schema.shape.name.safeParse(undefined).error?.issues.map(issueWords)).toEqual(['is missing']);
  expect(schema.shape.steps.safeParse(11).error?.issues.map(issueWords)).toEqual(['must be 10 at most']);
});

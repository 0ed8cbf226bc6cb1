/**
 * What is wrong with a value of a document, in words that follow its key. Pure. (For run.yaml, `src/spec/` has more
 * detailed words.)
 */

/** The part of a zod issue that is read here. */
interface Issue {
  readonly code?: string | undefined;
  readonly message: string;
  readonly expected?: unknown;
  readonly values?: readonly unknown[];
  readonly keys?: readonly string[];
  readonly origin?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
};

export function issueWords(issue: Issue): string {
  const { code, message, expected, values = [], keys = [], origin, minimum, maximum } = issue;
  switch (code) {
    case 'invalid_type':
      if (/received undefined$/u.test(message)) return 'is missing';
      return `must be ${KINDS[String(expected)] ?? String(expected)}`;
    case 'invalid_value':
      return `must be ${values.map(String).join(' or ')}`;
    case 'unrecognized_keys':
      return `must not have ${keys.join(', ')}: there is no such key`;
    case 'too_small':
      return `must be ${counted(minimum, origin)} or more`;
    case 'too_big':
      return `must be ${counted(maximum, origin)} at most`;
    default:
      return message;
  }
}

function counted(limit: number | bigint | undefined, origin: string | undefined): string {
  const of = origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
  return `${limit}${of}`;
}

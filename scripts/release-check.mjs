// Whether a tag may be published: it is the version of package.json, and CHANGELOG.md has a section for it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [tag = ''] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const sections = [...readFileSync(join(root, 'CHANGELOG.md'), 'utf8').matchAll(/^## (\S+)/gm)].map(([, name]) => name);

const problems = [
  ...(tag === `v${version}` ? [] : [`The tag is "${tag}", and package.json has the version ${version}.`]),
  ...(sections.includes(version) ? [] : [`CHANGELOG.md has no section ${version}.`]),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

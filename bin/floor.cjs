// Which Node this package runs on. It is written so that every Node since 10 can read it.

/** The text of `engines.node`; test/node.test.ts holds both to be the same. */
const range = '^22.22.2 || >=24.15';
const need = 'Node 24.15 or newer (or 22.22.2 and what follows it in 22)';

/** Whether a version, as in `process.versions.node`, is in the range. */
function fits(version) {
  const [major, minor, patch] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major === 22) return minor > 22 || (minor === 22 && patch >= 2);
  return major > 24 || (major === 24 && minor >= 15);
}

const plain = /^[\w@%+=:,./-]+$/;

/**
 * What is said on a Node that is too old: one sentence, and the line that works there.
 * @param args what was typed behind the name of the program
 * @param clone path of this program in a clone; undefined in an installed package
 */
function refusal(version, args, clone) {
  // Only words that a shell takes as they are stand in a line that is to be copied.
  const words = args.every((word) => plain.test(word)) ? args : ['...'];
  const program = clone === undefined ? ['-p', 'visiontrain', 'visiontrain'] : ['node', clone];
  const line = ['npx', '-y', '-p', 'node@24'].concat(program, words).join(' ');
  return `visiontrain needs ${need}; this is ${version}.\n  This line brings one along:  ${line}\n`;
}

module.exports = { fits, need, range, refusal };

/** Makes docs/reference/errors.md from the catalogue of errors. */
import { errorCatalogue } from './error-catalogue.ts';

export function errorsPage(): string {
  const sections = Object.entries(errorCatalogue).map(
    ([id, { what, cause, cure }]) => `## ${id}\n\n${what}\n\n- Why: ${cause}\n- What to do: ${cure}\n`,
  );
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `# Errors

<!-- Made from src/base/error-entries/ by scripts/reference.mjs; do not edit. -->

Each error ends with its id: \`visiontrain explain dataset/empty\` prints what stands here. With \`--json\` the id is
\`error.id\`; of a run that failed it is \`id\` in exit.json, in the last events and in \`status --json\`. An id keeps its meaning; the words of a message may change.
`;

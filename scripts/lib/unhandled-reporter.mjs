/** A reporter of vitest that writes how many errors no test caught, which its JSON report does not have. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

// biome-ignore lint/style/noDefaultExport: vitest takes a reporter by its default export.
export default class UnhandledReporter {
  onTestRunEnd(_modules, errors) {
    writeFileSync(join(process.env.VISIONTRAIN_TEST_RESULTS, 'unhandled.json'), JSON.stringify(errors.length));
  }
}

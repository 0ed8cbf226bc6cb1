import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'bin', 'visiontrain');

/** The Python that `npm test` has set up. */
export function testPython(): string {
  const python = process.env.VISIONTRAIN_TEST_PYTHON;
  if (python === undefined) throw new Error('No Python to train with: start the tests with npm test, or npm test ts.');
  return python;
}

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Place {
  readonly dir: string;
  /** Runs the command line to its end, without a terminal. */
  readonly visiontrain: (...args: string[]) => Promise<Told>;
  /** Starts the command line and leaves it running. */
  readonly start: (...args: string[]) => ReturnType<typeof spawn>;
  readonly remove: () => void;
}

/** An empty folder with an empty home in it. `given` is the environment of the command line. */
export function newPlace(given: NodeJS.ProcessEnv = process.env): Place {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-e2e-'));
  const env = { ...given, VISIONTRAIN_HOME: join(dir, 'home'), VISIONTRAIN_PYTHON: testPython() };
  return {
    dir,
    visiontrain: async (...args) => {
      try {
        const { stdout, stderr } = await promisify(execFile)(process.execPath, [bin, ...args], { cwd: dir, env });
        return { code: 0, stdout, stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as Told;
        return { code, stdout, stderr };
      }
    },
    start: (...args) => spawn(process.execPath, [bin, ...args], { cwd: dir, env, stdio: 'ignore' }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Images as people have them: JPEG, PNG and WebP, of several sizes, some turned by EXIF, some with captions. */
export function drawImages(folder: string): void {
  const script = `
import pathlib, sys
from PIL import Image, ImageDraw
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
kinds = [("jpg", (300, 200), "RGB"), ("png", (256, 256), "RGBA"), ("webp", (180, 320), "RGB"), ("jpeg", (512, 384), "L"), ("png", (97, 131), "P")]
for i, (ending, size, mode) in enumerate(kinds):
    picture = Image.new("RGB", size, (40 * i, 200 - 30 * i, 90))
    ImageDraw.Draw(picture).ellipse([10, 10, size[0] - 20, size[1] - 20], fill=(250 - 40 * i, 30, 40 * i))
    exif = Image.Exif()
    exif[0x0112] = 6 if i == 0 else 1
    picture.convert(mode).save(folder / f"picture {i}.{ending}", **({"exif": exif} if ending in ("jpg", "jpeg") else {}))
    if i % 2:
        (folder / f"picture {i}.txt").write_text(f"a ball, number {i}")
`;
  execFileSync(testPython(), ['-c', script, folder]);
}

/** Writes the run.yaml of a short run on the embedded model. */
export function writeSpec(file: string, images: string, steps: number): void {
  writeFileSync(
    file,
    `version: 1
name: ball
dataset: { path: '${images}', trigger: zxball, goal: concept }
model: { base: tiny }
training: { steps: ${steps}, batch_size: 2, rank: 4, alpha: 4 }
samples: { every: 0, steps: 2, prompts: [zxball] }
output: { checkpoint_every: 5 }
`,
  );
}

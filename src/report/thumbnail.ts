/** Makes the small image in the metadata of a LoRA file, for programs that list files. */
import jpeg from 'jpeg-js';
import { UsageError } from '../base/errors.ts';
import { readGiven } from '../base/files/regular-file.ts';
import { decodePng, type Pixels } from '../terminal/graphics/png.ts';
import { encodeJpeg, shrinkTo } from './images.ts';

/** Longest side in pixels, and most bytes: readers of a header load all of it into memory. */
const SIDE = 256;
const MOST_BYTES = 64 << 10;
const MOST_FILE = 64 << 20;
/** Megapixels and megabytes that a JPEG may unpack to. */
const LIMITS = { maxResolutionInMP: 64, maxMemoryUsageInMB: 512, useTArray: true } as const;

/**
 * The image as a `data:` address.
 * @throws UsageError when the file is no PNG or JPEG that can be read
 */
export function thumbnailOf(path: string): string {
  const pixels = shrinkTo(decoded(path), SIDE);
  for (let quality = 85; ; quality -= 15) {
    const bytes = encodeJpeg(pixels, quality);
    if (bytes.length <= MOST_BYTES || quality <= 25) return `data:image/jpeg;base64,${bytes.toString('base64')}`;
  }
}

function decoded(path: string): Pixels {
  try {
    const file = readGiven(path, MOST_FILE);
    if (file[0] !== 0xff) return decodePng(file);
    const { width, height, data } = jpeg.decode(file, LIMITS);
    const rgb = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i += 1) for (let c = 0; c < 3; c += 1) rgb[i * 3 + c] = data[i * 4 + c] ?? 0;
    return { width, height, rgb };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${path} cannot be the thumbnail: it is no PNG or JPEG that is read here.`, {
      id: 'lora/thumbnail',
      nextSteps: ['Take a sample of the run:  --thumbnail RUN/samples/step-001600-0.png'],
      cause,
    });
  }
}

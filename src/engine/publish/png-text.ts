/** Puts a text into a PNG image, as A1111 does with the prompt. Pure. */
import { crc32 } from 'node:zlib';

/** Bytes of the signature and of the first chunk, which must stay the first. */
const HEAD = 8 + 4 + 4 + 13 + 4;

/**
 * The image with the text.
 * @param png a whole PNG file
 * @param key at most 79 letters
 */
export function withText(png: Buffer, key: string, text: string): Buffer {
  // Most readers know `tEXt` best, which has the letters of Latin-1 alone. `iTXt` has all, uncompressed and in no language.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the letters of Latin-1
  const plain = /^[\u0000-\u00ff]*$/u.test(text);
  const body = Buffer.concat([
    Buffer.from(plain ? 'tEXt' : 'iTXt'),
    Buffer.from(key, 'latin1'),
    Buffer.alloc(plain ? 1 : 5),
    Buffer.from(text, plain ? 'latin1' : 'utf8'),
  ]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return Buffer.concat([png.subarray(0, HEAD), chunk, png.subarray(HEAD)]);
}

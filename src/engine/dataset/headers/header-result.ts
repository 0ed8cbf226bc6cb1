/** What a header says, in words that all formats share. Pure. */

export const formats = ['jpeg', 'png', 'webp', 'gif', 'bmp', 'tiff'] as const;
export type Format = (typeof formats)[number];

export interface PictureHeader {
  readonly format: Format;
  /** Pixels after EXIF rotation. */
  readonly width: number;
  readonly height: number;
}

/** `problem` follows the file's name: "is cut short". */
export type HeaderResult = PictureHeader | { readonly problem: string };

/** Bytes `from` to `from + length` of the file, fewer at its end. The result is only valid until the next call. */
export type ReadAt = (from: number, length: number) => Buffer;

export const CUT = { problem: 'is cut short and cannot be read' } as const;
export const DAMAGED = { problem: 'is damaged and cannot be read' } as const;

/** @param orientation 5 to 8: shown on its side */
export function turned(format: Format, width: number, height: number, orientation: number): PictureHeader {
  return orientation >= 5 ? { format, width: height, height: width } : { format, width, height };
}

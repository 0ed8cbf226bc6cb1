/** The result of reading a header, in the same form for all formats. Pure. */

export const formats = ['jpeg', 'png', 'webp', 'gif', 'bmp', 'tiff', 'avif', 'heif'] as const;
export type Format = (typeof formats)[number];

export interface ImageHeader {
  readonly format: Format;
  /** Size in pixels after EXIF rotation. */
  readonly width: number;
  readonly height: number;
}

/** A header, or a problem in words that follow the file's name: "is cut short". */
export type HeaderResult = ImageHeader | { readonly problem: string };

/**
 * Reads `length` bytes from offset `from`, fewer at the end of the file. The result is valid only until the next call.
 */
export type ReadAt = (from: number, length: number) => Buffer;

export const CUT = { problem: 'is cut short and cannot be read' } as const;
export const DAMAGED = { problem: 'is damaged and cannot be read' } as const;

/**
 * A header with width and height as shown.
 * @param orientation EXIF orientation; with 5 to 8 width and height are swapped
 */
export function turned(format: Format, width: number, height: number, orientation: number): ImageHeader {
  return orientation >= 5 ? { format, width: height, height: width } : { format, width, height };
}

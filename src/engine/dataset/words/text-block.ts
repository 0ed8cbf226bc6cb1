/** A part of an image file that may hold text. */
export interface TextBlock {
  /** `exif`, `xmp`, or the keyword of a PNG text. */
  readonly kind: string;
  readonly bytes: Buffer;
  /** Whether the bytes are Latin-1 and not UTF-8. */
  readonly latin: boolean;
}

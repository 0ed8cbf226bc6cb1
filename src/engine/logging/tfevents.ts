/**
 * Encodes TensorBoard's event files: messages of `event.proto` and `summary.proto` in TFRecord frames. Field numbers
 * and types are those of the files of these names in TensorBoard's repository. Pure.
 */
import { maskedCrc } from './crc32c.ts';

export interface LoggedImage {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

export type LoggedValue =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly image: LoggedImage }
  | { readonly tag: string; readonly text: string };

/** One record: its length, a CRC of the length, the message, a CRC of the message. */
function record(message: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(message.length), 0);
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(maskedCrc(message), 0);
  return Buffer.concat([head, message, foot]);
}

/** The first record of a file. */
export const versionRecord = (t: number): Buffer => record(Buffer.concat([wallTime(t), textField(3, 'brain.Event:2')]));

/**
 * A record that makes TensorBoard drop what was logged at this step and later, since an earlier attempt had got
 * further.
 */
export const restartRecord = (t: number, step: number): Buffer =>
  record(Buffer.concat([wallTime(t), intField(2, step), bytesField(7, intField(1, 1))]));

export const valuesRecord = (t: number, step: number, values: readonly LoggedValue[]): Buffer =>
  record(
    Buffer.concat([
      wallTime(t),
      intField(2, step),
      bytesField(5, Buffer.concat(values.map((v) => bytesField(1, value(v))))),
    ]),
  );

function value(logged: LoggedValue): Buffer {
  const tag = textField(1, logged.tag);
  if ('scalar' in logged) return Buffer.concat([tag, floatField(2, logged.scalar)]);
  if ('image' in logged) {
    const { width, height, bytes } = logged.image;
    // Colour space 3 is RGB.
    const image = [intField(1, height), intField(2, width), intField(3, 3), bytesField(4, bytes)];
    return Buffer.concat([tag, bytesField(4, Buffer.concat(image))]);
  }
  // Type 7 is DT_STRING; the shape is one text.
  const tensor = [intField(1, 7), bytesField(2, bytesField(2, intField(1, 1))), textField(8, logged.text)];
  const metadata = bytesField(1, textField(1, 'text'));
  return Buffer.concat([tag, bytesField(8, Buffer.concat(tensor)), bytesField(9, metadata)]);
}

function wallTime(t: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (1 << 3) | 1;
  bytes.writeDoubleLE(t, 1);
  return bytes;
}

function floatField(field: number, number: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = (field << 3) | 5;
  bytes.writeFloatLE(number, 1);
  return bytes;
}

const intField = (field: number, number: number): Buffer => Buffer.from([field << 3, ...varint(number)]);
const textField = (field: number, text: string): Buffer => bytesField(field, Buffer.from(text));
const bytesField = (field: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(bytes.length)]), bytes]);

function varint(number: number): number[] {
  const bytes: number[] = [];
  let rest = number;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

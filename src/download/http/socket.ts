/**
 * Sockets that read into one buffer each, again and again. Node allocates fresh memory for every read, and its page
 * faults cost time: measured at 0.6 to 0.9 of the speed of this module (prototypes, open link).
 */
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/**
 * Bytes of the buffer: about what a fast link brings between two reads, and little enough for the processor's cache.
 */
const BUFFER = 128 << 10;

/**
 * A connector for undici. The receiver of a chunk must have used or copied it when the call returns. undici passes
 * chunks on within that call; a chunk that undici puts back (`unshift`, when a body is paused) is copied here.
 */
export function buildReusingConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  return (target, callback) => {
    const buffer = Buffer.allocUnsafeSlow(BUFFER);
    const waiting: Buffer[] = [];
    let socket: Socket | undefined;
    const onread = {
      buffer,
      callback(length: number): boolean {
        const first = waiting.length === 0;
        const chunk = buffer.subarray(0, length);
        waiting.push(first ? chunk : Buffer.from(chunk));
        if (first) socket?.emit('readable');
        if (waiting.length === 0) return true;
        // The chunk was not taken, so the connection is paused. TLS may still deliver data into the same memory: copy
        // the chunk.
        if (first && waiting[0] === chunk) waiting[0] = Buffer.from(chunk);
        return false;
      },
    };
    // `onread` is an option of net.connect and tls.connect that undici passes on without naming it.
    const connect = buildConnector({ ...options, onread } as buildConnector.BuildOptions);
    socket = connect(target, callback) as unknown as Socket;
    const read = socket.read.bind(socket);
    // When the queue is empty, the stream's own read starts reading again after a pause and sees the end.
    socket.read = (size?: number) => (size === 0 ? undefined : waiting.shift()) ?? read(0);
    socket.unshift = (chunk: Uint8Array) => void waiting.unshift(Buffer.from(chunk));
    return socket;
  };
}

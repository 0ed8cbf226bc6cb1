export interface Gpu {
  readonly vendor: 'nvidia' | 'amd' | 'apple';
  /** Number of the card in torch: `cuda:N` for NVIDIA and AMD. */
  readonly index: number;
  readonly name: string;
  /** Bytes; null when the tool does not report them. */
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  readonly driver: string | null;
  /** CUDA compute capability, such as `8.9`; null for cards of other makers. */
  readonly capability: string | null;
  /** AMD's name of the architecture, such as `gfx1100`; missing where unknown. */
  readonly gfx?: string;
}

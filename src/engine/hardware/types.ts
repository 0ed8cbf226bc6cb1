export interface Gpu {
  readonly vendor: 'nvidia' | 'amd' | 'apple';
  /** As torch counts: `cuda:N` for NVIDIA and AMD. */
  readonly index: number;
  readonly name: string;
  /** null where the tool does not say. */
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  readonly driver: string | null;
  /** CUDA compute capability such as `8.9`; null for others. */
  readonly capability: string | null;
}

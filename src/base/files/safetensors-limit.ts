/**
 * Most bytes that the header of a safetensors file may have, as the format defines it. Headers of the largest
 * checkpoints have under 1 MB.
 */
export const SAFETENSORS_HEADER_MOST = 100_000_000;

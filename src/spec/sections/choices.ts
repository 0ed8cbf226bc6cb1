/** Values that keys of run.yaml can have, where modules beside the schema need the list. */

export const goals = ['character', 'style', 'concept'] as const;
export const families = ['sd15', 'sdxl'] as const;
export const predictions = ['epsilon', 'v_prediction', 'flow'] as const;
export const samplers = ['ddim', 'euler', 'euler_a', 'dpmpp_2m'] as const;
export const spacings = ['normal', 'trailing', 'karras'] as const;
export const precisions = ['fp32', 'bf16', 'fp16'] as const;
/**
 * How the base model's weights are kept in memory: in the precision of their file, or in 8 or 4 bits until they are
 * needed.
 */
export const packings = ['same', 'fp8', 'int8', 'nf4'] as const;
/** What is done when the trial steps before the first step do not fit on their card. */
export const probes = ['adjust', 'refuse', 'off'] as const;
/** Where the caption of an image may come from, besides caption files and tables. */
export const captionSources = ['image', 'file_name', 'folder'] as const;
export const captionKinds = ['tags', 'sentences', 'both', 'endpoint'] as const;

export type CaptionFrom = (typeof captionSources)[number];
export type Goal = (typeof goals)[number];
export type Family = (typeof families)[number];
export type Prediction = (typeof predictions)[number];

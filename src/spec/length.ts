/**
 * Computes how long to train on a given number of images, so that each image is used neither too seldom nor too often.
 * Pure.
 */

/** The bounds within which a recipe's number of steps may move. */
export interface LengthRule {
  /** Bounds on the uses of each image, in all epochs together. */
  readonly least_uses: number;
  readonly most_uses: number;
  /** Bounds on the optimiser steps, whatever the number of images. */
  readonly least_steps: number;
  readonly most_steps: number;
}

export interface LengthInput {
  /**
   * Usable images, each counted once, without repeats: repeats weight one image against others, not the length of the
   * run.
   */
  readonly images: number;
  /** Images in one optimiser step: batch size × accumulation. */
  readonly perStep: number;
  /** Uses of all images together that the recipe assumes: its steps × its images in a step. */
  readonly recipeUses: number;
}

/**
 * Optimiser steps of a run: the recipe's uses are shared among the images, bounded by the rule's uses of each image,
 * then by its steps.
 */
export function stepsFor({ images, perStep, recipeUses }: LengthInput, rule: LengthRule): number {
  const each = clamp(recipeUses / Math.max(1, images), rule.least_uses, rule.most_uses);
  return clamp(rounded((each * images) / perStep), rule.least_steps, rule.most_steps);
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

/** Rounds to two significant digits: 1575 steps would look measured, 1600 shows that it is a choice. */
export function rounded(value: number): number {
  if (value < 10) return Math.max(1, Math.round(value));
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}

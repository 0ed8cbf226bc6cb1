/** How long to train, from how many images there are: each is used neither too seldom nor too often. Pure. */

/** Of a recipe: what its number of steps may become. */
export interface LengthRule {
  /** Uses of each image, in all epochs together. */
  readonly least_uses: number;
  readonly most_uses: number;
  /** Optimiser steps, whatever the number of images. */
  readonly least_steps: number;
  readonly most_steps: number;
}

export interface LengthInput {
  /** Images that can be used, each counted once: repeats say how often one comes beside the others, not how long. */
  readonly images: number;
  /** Images of a step: batch size × accumulation. */
  readonly perStep: number;
  /** Uses of all images together that the recipe stands for: its steps × its images of a step. */
  readonly recipeUses: number;
}

/**
 * Steps of a run: the recipe's uses shared among the images, kept between the rule's uses of each image, then between
 * its steps.
 */
export function stepsFor({ images, perStep, recipeUses }: LengthInput, rule: LengthRule): number {
  const each = clamp(recipeUses / Math.max(1, images), rule.least_uses, rule.most_uses);
  return clamp(rounded((each * images) / perStep), rule.least_steps, rule.most_steps);
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

/** Two significant digits: 1575 steps look measured, 1600 looks like the choice it is. */
export function rounded(value: number): number {
  if (value < 10) return Math.max(1, Math.round(value));
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}

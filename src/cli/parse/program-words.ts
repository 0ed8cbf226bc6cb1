/** Texts that commander and the faster parsers share. */

export const DESCRIPTION = 'From a folder of pictures to a trained LoRA for Stable Diffusion, in your terminal.';
export const VERSION_OPTION = ['-V, --version', 'print the version'] as const;
export const HELP_OPTION = ['-h, --help', 'show help'] as const;

/** Least width in cells at which descriptions are wrapped in a column of their own. */
export const MIN_WIDTH = 20;

/** The options of every command, as [flags, description]. */
export const globalOptions = [
  ['--json', 'machine-readable output on stdout'],
  ['--plain', 'plain lines: no colours, no cursor movement'],
  ['--no-input', 'never ask'],
  ['-y, --yes', 'take the default of every question; in `new` also "start now"'],
  ['--workspace <dir>', 'folder of the runs'],
  ['--debug', 'show details of errors'],
] as const;

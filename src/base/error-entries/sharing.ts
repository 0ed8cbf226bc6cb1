/** Errors of bundles and of publishing. */
import type { ErrorEntry } from './entry.ts';

export const sharingErrors = {
  'bundle/damaged': {
    what: 'A zip file is no whole bundle of visiontrain.',
    cause: 'It was cut short, changed, zipped anew by another program, or never was one.',
    cure: 'Fetch it again, or have it made again with `visiontrain export RUN --bundle`.',
  },
  'bundle/unsafe': {
    what: 'A bundle holds what none of visiontrain holds: links, paths that lead out of it, compressed or unlisted files.',
    cause: 'It was made, or changed, by another program, perhaps to do harm.',
    cure: 'Ask who gave it to you. Nothing of it was kept.',
  },
  'bundle/pictures': {
    what: 'The pictures of a bundle are not all there.',
    cause: 'It was made without them, and the folder that was named lacks some, or has them with other bytes.',
    cure: 'Name the folder that holds them: `visiontrain run BUNDLE --pictures FOLDER`. They are found by their hashes, whatever their names.',
  },
  'bundle/model': {
    what: 'The base model or VAE is not the one that the run of a bundle, or the run to verify, was trained on.',
    cause: 'It is a file or folder of one’s own, which no registry lists and no bundle holds, or it was changed since.',
    cure: 'Name that very model: `visiontrain run BUNDLE --set model.base=PATH`; the SHA-256 of a file stands in bundle.json. For `visiontrain verify`, put it back where it was.',
  },
  'bundle/name': {
    what: 'A picture cannot be part of a bundle by its name.',
    cause: 'Its name has a backslash or a control character, which zip files cannot hold everywhere.',
    cure: 'Rename the picture and train again.',
  },
  'export/program': {
    what: 'The program that the LoRA is for is not found here, or more than once.',
    cause: 'It lies in a folder that is not looked in, or was never installed on this machine.',
    cure: 'Say once where it is: `visiontrain export RUN --to comfyui=/path/to/ComfyUI`; from then on `--to comfyui` is enough.',
  },
  'publish/login': {
    what: 'The hub knows no token of yours, or not the one that was sent.',
    cause: 'There is none in HF_TOKEN and none of the hub’s own login, or it was withdrawn.',
    cure: 'Log in with `hf auth login`, or set HF_TOKEN to a token that may write.',
  },
  'publish/refused': {
    what: 'The hub does not let this token write this there.',
    cause: 'The token may only read, the place belongs to somebody else, or the hub objects to a name or to the card.',
    cure: 'Make a token that may write, or name a place of yours with `--repo OWNER/NAME`.',
  },
  'publish/repo': {
    what: 'What was given with --repo is no name of a repository.',
    cause: 'A repository has an owner and a name: letters, digits, dot, dash and underscore, with one slash between.',
    cure: 'Give it as in `--repo ann/fox-lora`, or leave it out.',
  },
  'publish/public': {
    what: 'The repository is there already, and everybody can see it.',
    cause: 'Nothing is shown to all unless you say so, also where the repository was made by somebody else.',
    cure: 'Add `--public`, make the repository private, or name another one with `--repo`.',
  },
  'publish/changed': {
    what: 'The repository was changed by somebody else while files were sent.',
    cause: 'Two programs write to it at once.',
    cure: 'The same command tries again.',
  },
  'publish/too-large': {
    what: 'The hub does not take a file of this size.',
    cause: 'A file, or the account, is over the limit of the hub.',
    cure: 'Make the LoRA smaller with `visiontrain lora resize`, or free room in the account.',
  },
  'publish/unreachable': {
    what: 'The hub could not be reached, or was too busy, until the patience was over.',
    cause: 'The line was cut, or the hub answered with errors of its own.',
    cure: 'Type the same command later: what the hub has is not sent again.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** Errors of bundles, and of what is published. */
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
    what: 'The base model or VAE of a bundle is not the one that was named.',
    cause: 'Its run was trained on a file of its own, which no registry lists and no bundle holds.',
    cure: 'Name the file: `visiontrain run BUNDLE --set model.base=FILE`. Its SHA-256 stands in bundle.json.',
  },
  'bundle/name': {
    what: 'A picture cannot be part of a bundle by its name.',
    cause: 'Its name has a backslash or a control character, which zip files cannot hold everywhere.',
    cure: 'Rename the picture and train again.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

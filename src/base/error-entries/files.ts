/** Errors of paths, files and disks. */
import type { ErrorEntry } from './entry.ts';

export const fileErrors = {
  'path/impossible': {
    what: 'What was typed is no path.',
    cause: 'It holds a zero byte, which no file name can have.',
    cure: 'Type it again, or drag the folder into the terminal.',
  },
  'path/windows': {
    what: 'A path of Windows is not found from here.',
    cause: 'In WSL2 the drives lie below /mnt, and network folders have to be mounted first.',
    cure: 'Give the path as Linux has it: `C:\\cats` is /mnt/c/cats.',
  },
  'path/no-home': {
    what: 'There is no home folder.',
    cause: 'HOME is not set, and the system knows none for this user, as in some containers.',
    cure: 'Set HOME, or VISIONTRAIN_HOME, to a folder of yours.',
  },
  'file/system': {
    what: 'The disk refused to read or write a file.',
    cause: 'There is no permission, the disk is full or read-only, or it is broken.',
    cure: 'Mend what the message names, or set VISIONTRAIN_HOME to a folder on another disk.',
  },
  'file/foreign': {
    what: 'A file of visiontrain is not what visiontrain wrote.',
    cause: 'Somebody put a link, a folder or another content in its place. Nothing of it was followed.',
    cure: 'Look at it, and remove it if you do not know it.',
  },
  'file/not-regular': {
    what: 'A file was expected, but there is a folder, a pipe or a device.',
    cause: 'The path leads to something that cannot be read as a file.',
    cure: 'Check the path with `ls -l PATH`.',
  },
  'file/too-large': {
    what: 'A file is larger than one of its kind ever is.',
    cause: 'It is another file, or damaged.',
    cure: 'Check the path, or get the file again.',
  },
  'file/exists': {
    what: 'A file is there already and would be lost.',
    cause: 'visiontrain overwrites no file of yours without being asked.',
    cure: 'Name another file with -o, or remove it. To change it: `visiontrain new --from FILE`.',
  },
  'disk/full': {
    what: 'There is not enough free space.',
    cause: 'The message names the disk and what is needed. Some space is left for other programs.',
    cure: 'Free some, as `visiontrain models list` shows, or set VISIONTRAIN_HOME to a folder on another disk.',
  },
  'disk/not-writable': {
    what: 'A folder cannot be written to.',
    cause: 'There is no permission, or the disk is read-only.',
    cure: 'Add --workspace /path/with/space, or set VISIONTRAIN_HOME=/path for everything.',
  },
  'disk/no-folder': {
    what: 'A folder cannot be made.',
    cause: 'A part of its path is a file, or a link that leads nowhere.',
    cure: 'Remove what stands in the way, connect the disk, or name another folder.',
  },
  'disk/write-failed': {
    what: 'A file could not be written to the disk.',
    cause: 'The disk is full, read-only or broken, its file system refuses it, or the folder was removed meanwhile.',
    cure: 'Mend it, or name another place, and type the same command: a download goes on from what is there.',
  },
  'disk/other-user': {
    what: 'A folder of visiontrain belongs to another user.',
    cause: 'Parts of what lies there are run, so it must be yours.',
    cure: 'Use a folder of yours: `export VISIONTRAIN_HOME=/path`.',
  },
  'disk/claims-used-up': {
    what: 'A lock has no number left.',
    cause: 'A file with the highest number lies in its folder, which no program of ours makes.',
    cure: 'Remove that file if nobody uses what it stands for.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

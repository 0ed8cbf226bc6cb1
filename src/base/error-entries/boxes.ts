/** Errors of other machines that are reached by SSH. */
import type { ErrorEntry } from './entry.ts';

export const boxErrors = {
  'box/none': {
    what: 'No box of that name is known here.',
    cause: 'A box is a machine that was added with `visiontrain hosts add`; the name is misspelt, or it was removed.',
    cure: 'See them all: `visiontrain hosts`.',
  },
  'box/name': {
    what: 'A box cannot be called or reached like that.',
    cause:
      'Its name, address, port, key file or jump host is no such thing. What begins with a dash would be an option of ssh.',
    cure: 'Write `visiontrain hosts add NAME user@machine`, with `-p PORT` and `-i KEYFILE` where they are needed.',
  },
  'box/taken': {
    what: 'There is a box of that name already.',
    cause: 'Names of boxes are used once.',
    cure: 'Remove it first: `visiontrain hosts remove NAME`.',
  },
  'box/no-ssh': {
    what: 'A program for reaching other machines is not installed here.',
    cause: 'visiontrain uses the ssh and the rsync of this machine.',
    cure: 'Install them: `sudo apt install openssh-client rsync`.',
  },
  'box/no-rsync': {
    what: 'The other machine has no rsync.',
    cause: 'Files are sent and fetched by rsync, which is needed on both sides.',
    cure: 'Install it there: `apt install rsync`.',
  },
  'box/refused': {
    what: 'The other machine lets you in by no key.',
    cause: 'It would ask for a password, or the key is not loaded. visiontrain never types passwords.',
    cure: 'Put your key there with `ssh-copy-id`, or load it with `ssh-add`. Try with plain `ssh` until it asks nothing.',
  },
  'box/key-unknown': {
    what: 'The other machine is not known to ssh yet.',
    cause: 'Nobody has looked at the fingerprint of its key, so it could be any machine.',
    cure: 'Log in once with plain `ssh` and compare the fingerprint with that of its owner.',
  },
  'box/key-changed': {
    what: 'The other machine shows another key than before.',
    cause: 'It was set up anew, a rented address now leads to another machine, or somebody sits in between.',
    cure: 'Only if you know why: remove the old key with the `ssh-keygen -R` of the message, and log in once with plain `ssh`.',
  },
  'box/unreachable': {
    what: 'The other machine cannot be reached.',
    cause: 'It is off, its address or port is wrong, or the network between is down.',
    cure: 'Try with plain `ssh`. A run that goes on there is not touched by this.',
  },
  'box/line-lost': {
    what: 'The connection to the other machine broke off.',
    cause: 'The network failed or stalled, or the machine went down.',
    cure: 'Type the same command again: what arrived is kept, and what runs there runs on.',
  },
  'box/no-node': {
    what: 'The other machine has nothing to run visiontrain with.',
    cause: 'It has no Node of a fitting version, and no Python 3.10 or newer that could bring one along.',
    cure: 'Install either there, such as `apt install python3-venv`.',
  },
  'box/no-room': {
    what: 'The disk of the other machine is too full.',
    cause: 'What is sent to it, or the program itself, does not fit.',
    cure: 'Free room there, or name a folder on a larger disk with `visiontrain hosts add NAME user@machine --home /path`.',
  },
  'box/program': {
    what: 'visiontrain on the other machine did not do what it was asked.',
    cause: 'The message has its own words.',
    cure: 'Mend what they name. `visiontrain hosts check NAME` looks at the machine.',
  },
  'box/damaged': {
    what: 'A file is not the same on both sides.',
    cause: 'It changed while it was copied, or the disk of the other machine is at fault.',
    cure: 'Type the same command again: only this file is copied anew.',
  },
  'box/not-there': {
    what: 'Something that the run needs is only on this machine.',
    cause: 'It is a program or a model entry of your own, which is not sent.',
    cure: 'Do as the message says, or train here.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** Errors of the machine, the Python environment and the training. */
import type { ErrorEntry } from './entry.ts';

export const machineErrors = {
  'environment/setup': {
    what: 'The Python environment could not be set up.',
    cause: 'Most often the network, a proxy or the disk; the message has the last lines of the installer.',
    cure: 'Mend what they name and type the same command.',
  },
  'environment/wheels-missing': {
    what: 'The folder of `setup --wheels` lacks wheels of an extra that was asked for.',
    cause:
      'The folder was filled for the environment alone, or for another version of Python; the message lists what is missing.',
    cure: 'Fill it with the commands that `visiontrain setup --plan --captions` shows (with the options of the extras), or leave the option out.',
  },
  'environment/no-python': {
    what: 'There is no Python that training can use.',
    cause:
      'A 64-bit Python 3.10 to 3.14 with its venv module is needed; set-up brings uv and a Python where there is none, and the message says why it could not.',
    cure: 'Install one as the message shows, or uv; with VISIONTRAIN_BRING_PYTHON=0 nothing is brought.',
  },
  'environment/broken-python': {
    what: 'A Python of this machine does not work.',
    cause: 'It cannot run a small script, so its installation is damaged.',
    cure: 'Mend or remove it, or name another with VISIONTRAIN_PYTHON.',
  },
  'environment/given-python': {
    what: 'The Python of VISIONTRAIN_PYTHON cannot train.',
    cause: 'It does not run, lacks a package, or has one that cannot be imported.',
    cure: 'Install what the message names, or unset VISIONTRAIN_PYTHON to let visiontrain make an environment.',
  },
  'environment/kept': {
    what: 'The environment cannot be removed.',
    cause: 'None has that name, or a set-up or a run works with it.',
    cure: 'See them all: `visiontrain setup --list`.',
  },
  'environment/no-build': {
    what: 'No build of PyTorch fits this machine.',
    cause: 'The card or its driver is too old for every build that is known, or the named build is none.',
    cure: 'Do what the message says, or train on the processor: `--set resources.device=cpu`.',
  },
  'environment/proof': {
    what: 'The card did not pass its proof.',
    cause: 'A small computation on it failed, hung, or gave wrong numbers, so training would too.',
    cure: 'Do what the message says, or train on the processor: `--set resources.device=cpu`.',
  },
  'environment/torch': {
    what: 'PyTorch does not work on this machine.',
    cause: 'It was installed but cannot be imported, or there is no build of it for this Python.',
    cure: 'Look at the log that the message names, then make it anew: `visiontrain setup --force`.',
  },
  'environment/trainer': {
    what: "The trainer's Python could not be started.",
    cause: 'The environment was removed or moved after it was made.',
    cure: 'Make it anew: `visiontrain setup --force`.',
  },
  'hardware/device': {
    what: 'The device that run.yaml names is not there.',
    cause: 'resources.device names a card that this machine has not, or that cannot be used.',
    cure: 'Let it choose: `--set resources.device=auto`. See your cards: `nvidia-smi`.',
  },
  'environment/optimizer': {
    what: 'The optimiser that run.yaml names cannot be used here.',
    cause: 'Its package is missing or does not load on this machine.',
    cure: 'Follow the message, or take the default: --set training.optimizer=adamw.',
  },
  'training/memory': {
    what: 'There is not enough memory for the training.',
    cause:
      'The model, the size of the pictures and the batch need more than the card or the machine has, or another program holds it.',
    cure: 'Close other programs, then lower the need as the message says: a smaller batch, gradient checkpointing, a lower resolution or rank.',
  },
  'training/not-finite': {
    what: 'A number of the training became infinite or undefined.',
    cause: 'Mostly a learning rate that is too high, or a number format that overflows.',
    cure: 'Lower training.learning_rate, or use bf16 or fp32. A resume from the last checkpoint starts before the damage.',
  },
  'training/overflow': {
    what: 'Numbers overflow in fp16.',
    cause: 'fp16 holds no number above 65504, and this model reaches it.',
    cure: 'Use another format, as the message says: bf16 where the card can, otherwise fp32.',
  },
  'training/burnt': {
    what: 'A weight of the LoRA is too large for the format of its file.',
    cause: 'The learning rate was too high, so the weights grew without end.',
    cure: 'Lower the learning rate and train again, or export with --precision fp32.',
  },
  'training/nothing-learned': {
    what: 'The run ended, but the LoRA changes nothing.',
    cause:
      'The learning rate is far too low, there were too few steps, or what is trained has no effect on the pictures.',
    cure: 'Raise training.learning_rate or training.steps, and check that the trigger is in the captions.',
  },
  'training/checkpoint': {
    what: 'A checkpoint cannot be used.',
    cause: 'It is damaged, belongs to another run.yaml, or another version of visiontrain wrote it.',
    cure: 'Go on with the version that wrote it, or start anew: `visiontrain run` with the run.yaml in the run folder.',
  },
  'training/cache': {
    what: 'Something that was made in advance for the training is gone or damaged.',
    cause: 'Files of the cache were removed while the run went on, or a disk lost them.',
    cure: 'Type `visiontrain resume NAME`: what is missing is made again.',
  },
  'training/layers': {
    what: 'The layers that run.yaml wants to train are not there.',
    cause: 'A name under training.layers is misspelt, or the base has no layers of that name.',
    cure: 'The message lists the nearest names and the named sets.',
  },
  'training/no-lora': {
    what: 'The trainer ended, but its LoRA is not there or is damaged.',
    cause: 'The file was removed or changed before it was checked, or the disk lost it.',
    cure: 'Type `visiontrain resume NAME`, which writes it again from the last checkpoint.',
  },
  'training/killed': {
    what: 'The trainer was ended from outside.',
    cause:
      'Most often the machine ran out of memory and the system ended it; otherwise an administrator, a limit or another program.',
    cure: 'Let it need less memory as the message says, then `visiontrain resume NAME`.',
  },
  'training/lost-process': {
    what: 'One of the processes that train together is gone, so all of them ended.',
    cause:
      'It was killed (most often for want of memory), its machine went down or was cut off, or it stood still for longer than the heartbeat allows.',
    cure: 'The message says which and how. Mend that, then `visiontrain resume NAME`: it goes on from the last checkpoint.',
  },
  'training/rendezvous': {
    what: 'The processes of several machines did not find each other.',
    cause:
      'One of them was not started, has another rendezvous or the same number as another, or the first machine cannot be reached at that address and port.',
    cure: 'Start the same command on each machine, each with its own `--node`, and with an address of the first that all reach.',
  },
  'training/crashed': {
    what: 'The trainer ended without saying why.',
    cause: 'A native library crashed, or Python itself ended.',
    cure: 'Look at the last lines of the log in the message. If it comes again: `visiontrain doctor`.',
  },
  'training/failed': {
    what: 'The training failed.',
    cause: 'A trainer of an earlier version wrote no id of the error.',
    cure: 'The reason and the next steps in the message say more.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

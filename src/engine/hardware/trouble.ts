/** Explains why a card that some sign suggests cannot be used, with the cure. Pure. */
import type { CardSigns } from './signals.ts';

export interface CardTrouble {
  /** The kind of trouble, for programs. */
  readonly kind:
    | 'mismatch'
    | 'hangs'
    | 'denied'
    | 'not-in-container'
    | 'no-nodes'
    | 'no-driver'
    | 'not-loaded'
    | 'lost'
    | 'failed'
    | 'jetson'
    | 'amd-denied';
  readonly message: string;
  readonly nextSteps: readonly string[];
}

/** The trouble; undefined when a card can be used, or no sign suggests one. */
export function cardTrouble(signs: CardSigns): CardTrouble | undefined {
  if (signs.cards.length > 0 || signs.nvidia.hidden > 0 || signs.platform !== 'linux') return undefined;
  return nvidiaTrouble(signs) ?? amdTrouble(signs);
}

function nvidiaTrouble(signs: CardSigns): CardTrouble | undefined {
  return stateTrouble(signs) ?? nodeTrouble(signs) ?? driverTrouble(signs);
}

const driverWords = ({ nvidia: { message: said } }: CardSigns): string =>
  said === '' ? '' : ` nvidia-smi says: ${said}`;

/** Trouble with a driver that is loaded but does not answer. */
function stateTrouble(signs: CardSigns): CardTrouble | undefined {
  const { smi, message: said, kernel } = signs.nvidia;
  if (signs.jetson)
    return {
      kind: 'jetson',
      message: 'This is a Jetson board: PyTorch for it comes from NVIDIA, and not from the indexes that set-up uses.',
      nextSteps: ['Name a Python that has it: VISIONTRAIN_PYTHON=/path/to/python visiontrain setup'],
    };
  if (/version mismatch/iu.test(said))
    return {
      kind: 'mismatch',
      message: `The NVIDIA driver was updated while it was in use: the kernel still runs ${kernel ?? 'the old one'}.`,
      nextSteps: signs.container
        ? ['Restart the host machine, or start the container again after its driver was reloaded.']
        : ['sudo reboot'],
    };
  if (smi === 'hangs')
    return {
      kind: 'hangs',
      message: 'nvidia-smi does not answer: the NVIDIA driver hangs.',
      nextSteps: ['sudo reboot', 'See what happened:  sudo dmesg | grep -i -E "nvrm|xid"'],
    };
  return undefined;
}

/** Trouble with device nodes that are missing, or not open to this user. */
function nodeTrouble(signs: CardSigns): CardTrouble | undefined {
  const { kernel, nodes } = signs.nvidia;
  if (nodes === 'denied')
    return {
      kind: 'denied',
      message: 'There is an NVIDIA card, but this user may not open /dev/nvidia0.',
      nextSteps: ['sudo usermod -aG video,render "$USER"   then log in anew', 'ls -l /dev/nvidia*   shows who may'],
    };
  if (nodes === 'missing' && kernel !== null && signs.container)
    return {
      kind: 'not-in-container',
      message: `The host has an NVIDIA card (driver ${kernel}), but this container was started without it.`,
      nextSteps: ['docker run --gpus all …   (podman: --device nvidia.com/gpu=all)'],
    };
  if (nodes === 'missing' && kernel !== null)
    return {
      kind: 'no-nodes',
      message: `The NVIDIA driver ${kernel} is loaded, but /dev/nvidia0 is not there.`,
      nextSteps: ['sudo nvidia-modprobe -c 0 -u', 'In a container or a batch job: ask for a card when it is started'],
    };
  return undefined;
}

/** Trouble with a driver that is not loaded, not installed, or not for this card. */
function driverTrouble(signs: CardSigns): CardTrouble | undefined {
  const { nvidia } = signs;
  const { smi, message: said, kernel, nodes } = nvidia;
  if (/no devices were found|unable to determine the device handle|GPU is lost|fallen off the bus/iu.test(said))
    return {
      kind: 'lost',
      message: `The NVIDIA driver${kernel === null ? '' : ` ${kernel}`} does not drive the card.${driverWords(signs)}`,
      nextSteps: [
        'Drivers from 590 on do not know GTX 900, GTX 10, Titan V and V100: those need driver 580.',
        'See what happened:  sudo dmesg | grep -i -E "nvrm|xid"   then: sudo reboot',
      ],
    };
  if (nvidia.wsl)
    return {
      kind: 'failed',
      message: `WSL2 has the driver's libraries, but no card answers.${driverWords(signs)}`,
      nextSteps: ['Update the NVIDIA driver in Windows, then in PowerShell: wsl --shutdown'],
    };
  if (smi === 'failed' && nvidia.pci > 0 && kernel === null)
    return {
      kind: 'not-loaded',
      message: `There is an NVIDIA card and a driver for it, but the driver is not loaded.${driverWords(signs)}`,
      nextSteps: [
        'sudo modprobe nvidia',
        'After an update of the kernel the driver has to be built anew: install it again, then reboot',
      ],
    };
  if (nvidia.pci > 0 && kernel === null && nodes === 'missing')
    return {
      kind: 'no-driver',
      message: `There is an NVIDIA card, but its driver is not installed${nvidia.nouveau ? ': the free driver nouveau has it, which cannot compute' : ''}.`,
      nextSteps: [installDriver(signs, '580'), 'then: sudo reboot'],
    };
  if (kernel !== null || nodes !== 'missing')
    return {
      kind: 'failed',
      message: `There is an NVIDIA card, but its driver does not answer.${driverWords(signs)}`,
      nextSteps: ['nvidia-smi   shows what the driver says', 'sudo reboot'],
    };
  return undefined;
}

function amdTrouble({ amd }: CardSigns): CardTrouble | undefined {
  if (amd.kfd !== 'denied') return undefined;
  return {
    kind: 'amd-denied',
    message: 'There is an AMD card, but this user may not open /dev/kfd.',
    nextSteps: ['sudo usermod -aG render,video "$USER"   then log in anew'],
  };
}

/** The command that installs NVIDIA's driver, by distribution. */
export function installDriver({ distribution, nvidia, container }: CardSigns, version: string): string {
  if (nvidia.wsl)
    return `Install driver ${version} or newer in Windows (https://www.nvidia.com/drivers), then in PowerShell: wsl --shutdown`;
  if (container)
    return `On the host, not in this container: install NVIDIA driver ${version} or newer. On a rented machine choose one that has it.`;
  const commands: Readonly<Record<string, string>> = {
    ubuntu: `sudo apt install nvidia-driver-${version}`,
    debian: 'sudo apt install nvidia-driver   (from the backports when it is older)',
    fedora: 'sudo dnf install akmod-nvidia   (from RPM Fusion)',
    arch: 'sudo pacman -S nvidia',
  };
  return commands[distribution] ?? `Install NVIDIA driver ${version} or newer: https://www.nvidia.com/drivers`;
}

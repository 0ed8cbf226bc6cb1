/**
 * Every error that a person can meet, by its id: what it is, why it comes, what to do. `visiontrain explain ID` prints an
 * entry, `npm run docs` makes docs/reference/errors.md of all. An error that is thrown names its id (`errors.ts`).
 */
export interface ErrorEntry {
  /** The error in one sentence. */
  readonly what: string;
  readonly cause: string;
  readonly cure: string;
}

export const errorCatalogue = {
  'bug/unexpected': {
    what: 'visiontrain itself failed.',
    cause: 'A case that nobody thought of. It is not your fault.',
    cure: 'Run the same command with --debug, and report what it prints.',
  },
  'command/cancelled': {
    what: 'You left the command.',
    cause: 'Ctrl-C was pressed, or Esc at the first question.',
    cure: 'Nothing is lost: the same command goes on from there.',
  },
  'command/terminated': {
    what: 'The command was asked to end.',
    cause: 'Another program or the system sent SIGTERM or SIGHUP, as at a shutdown.',
    cure: 'Type the same command again. A run goes on by itself, or with `visiontrain resume NAME`.',
  },
  'command/wrong': {
    what: 'The command line cannot be understood.',
    cause: 'A command or flag is misspelt, or one that is needed is missing.',
    cure: 'See what there is: `visiontrain --help`, or `visiontrain COMMAND --help`.',
  },
  'command/wrong-value': {
    what: 'A flag has a value that it cannot have.',
    cause: 'The value is of another kind than the flag takes, such as a word in place of a number.',
    cure: 'The message says what it looks like; `visiontrain COMMAND --help` has an example.',
  },
  'command/nobody-to-ask': {
    what: 'A question would have to be asked, but there is nobody to ask.',
    cause: 'The command runs in a script, a container without -it, or with --no-input.',
    cure: 'Answer by flags, as the message shows, or run it in a terminal.',
  },
  'command/no-term': {
    what: 'Nothing of that name is explained here.',
    cause: 'It is no term of the glossary, no key of run.yaml and no id of an error.',
    cure: 'See all terms: `visiontrain explain`.',
  },
  'command/folder-gone': {
    what: 'The folder that you are in is gone.',
    cause: 'It was removed or moved while the terminal was in it, or its disk was taken out.',
    cure: 'Go to another folder: `cd`.',
  },
  'hooks/not-allowed': {
    what: 'A run has hooks that you have not allowed.',
    cause: 'Hooks are commands that run on this machine as you, and a run.yaml may come from anybody.',
    cure: 'Read them; if you know them all, start it again with `--allow-hooks`. The same commands are asked for once.',
  },
  'hooks/failed': {
    what: 'A hook that must succeed before the run has failed.',
    cause: 'The command in `hooks.on_start` ended with an error, or took longer than its `timeout`.',
    cure: 'See what it printed in `hooks.log` of the run folder, mend it, and `visiontrain resume NAME`.',
  },
  'notify/lost': {
    what: 'A way of telling you of your runs does not work.',
    cause: 'A variable that the settings name is empty, or the server does not take what is sent to it.',
    cure: 'Mend what the message names and try again: `visiontrain notify --test`. Runs are not touched by it.',
  },
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
    what: 'A download could not be written to the disk.',
    cause: 'The disk is full, read-only or broken, or the folder was removed meanwhile.',
    cure: 'Mend it and type the same command: it goes on from what is there.',
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
  'settings/unreadable': {
    what: 'A settings file cannot be read.',
    cause: 'It is no YAML or JSON, or a program, which is never run.',
    cure: 'Mend the line that the message names, or remove the file.',
  },
  'settings/wrong': {
    what: 'A settings file has mistakes.',
    cause: 'A setting is unknown or has a value that it cannot have.',
    cure: 'See all settings and where each comes from: `visiontrain config`.',
  },
  'spec/wrong': {
    what: 'run.yaml has problems, and nothing was started.',
    cause: 'A key is unknown, a value is out of its range, or two do not fit together.',
    cure: 'Each problem has its line and what to write. `visiontrain explain KEY` tells more of a key.',
  },
  'spec/unreadable': {
    what: 'run.yaml cannot be used.',
    cause: 'It is not there, no text, or no YAML.',
    cure: 'Make one with `visiontrain new`, or mend the line that the message names.',
  },
  'spec/not-together': {
    what: 'Settings do not fit together.',
    cause: 'Each is right by itself, but not with the others.',
    cure: 'The message names the keys and what each may be beside the others.',
  },
  'wizard/answer': {
    what: 'An answer cannot be what was given.',
    cause: 'A flag answered a question of the wizard with a value that the question refuses.',
    cure: 'Give another value, or leave the flag out and answer in the wizard.',
  },
  'dataset/which': {
    what: 'No folder with pictures was named.',
    cause: 'The command needs to know where your pictures are.',
    cure: 'Name the folder: `visiontrain new FOLDER --yes`.',
  },
  'dataset/no-folder': {
    what: 'The folder with the pictures is not there.',
    cause: 'The path is misspelt, a file, or on a disk that is not connected.',
    cure: 'Check it with `ls`. Paths in run.yaml start at the folder of run.yaml.',
  },
  'dataset/no-mask': {
    what: 'dataset.masks is set, but there are no masks.',
    cause: 'The folder is not there, or no file in it has the name of a picture.',
    cure: 'Name masks as fox-masklabel.png, fox.mask.png or mask/fox.png for fox.png, or set dataset.masks to null.',
  },
  'dataset/look': {
    what: 'The program that looks at pictures failed.',
    cause: 'Most often for lack of memory; the message has its last lines.',
    cure: 'Close what else uses the memory, and type the same command: what was seen is kept.',
  },
  'dataset/closed': {
    what: 'The folder with the pictures may not be opened.',
    cause: 'This user has no permission to read it.',
    cure: 'Look at its rights with `ls -ld FOLDER`, and give yourself the right to read it.',
  },
  'dataset/empty': {
    what: 'The folder has no pictures that can be read.',
    cause: 'It holds other files only, or pictures that are damaged or of a format that is not read.',
    cure: 'See what is left out and why: `visiontrain dataset check FOLDER`.',
  },
  'dataset/changed': {
    what: 'The pictures are not those that the run was planned with.',
    cause: 'Pictures or captions were changed, added or removed since the run began.',
    cure: 'Put them back, or start a new run with `visiontrain run`.',
  },
  'run/none': {
    what: 'There is no such run.',
    cause: 'The name is misspelt, or the run lies in another workspace.',
    cure: 'See all runs: `visiontrain ps`.',
  },
  'run/several': {
    what: 'Several runs begin with what was typed.',
    cause: 'The beginning of a name is enough only while it means one run.',
    cure: 'Type more of the name; `visiontrain ps` lists them.',
  },
  'run/name': {
    what: 'A run cannot have that name.',
    cause: 'The name becomes a folder and a file.',
    cure: 'Use letters, digits, dot, dash and underscore, 100 at most.',
  },
  'run/already-running': {
    what: 'The run is going on already.',
    cause: 'Only one process may work on a run.',
    cure: 'Watch it with `visiontrain attach NAME`, or end it with `visiontrain stop NAME`.',
  },
  'run/not-started': {
    what: 'The run has not been started.',
    cause: 'It was made but never begun, so there is nothing to show.',
    cure: 'Start it: `visiontrain resume NAME`.',
  },
  'run/finished': {
    what: 'The run is finished, so there is nothing to resume.',
    cause: 'All its steps are done.',
    cure: 'Train longer in a new run: `visiontrain run RUN/run.yaml --set training.steps=N`.',
  },
  'run/not-finished': {
    what: 'The run is not finished, so there is no LoRA to compare with.',
    cause: 'It was stopped, failed, or goes on.',
    cure: 'Go on with `visiontrain resume NAME`.',
  },
  'run/no-export': {
    what: 'No LoRA file can be made of what was asked for.',
    cause: 'The run keeps no such checkpoint, or a file of another content has the name.',
    cure: 'Name one of the steps in the message, keep more with output.checkpoint_keep, or export with --to FOLDER.',
  },
  'run/not-ours': {
    what: 'The run is not started, because others could write into its folder.',
    cause: 'They could make the run write over your files, or steer it.',
    cure: 'Take the right from them with chmod, or copy the run to a folder of yours.',
  },
  'run/unreadable-plan': {
    what: 'The plan of a run cannot be read.',
    cause: 'plan.json is missing, damaged, or of another version of visiontrain.',
    cure: 'Start anew from its run.yaml: `visiontrain run RUN/run.yaml`.',
  },
  'run/start-failed': {
    what: 'The run could not be started.',
    cause: 'The process that owns it ended at once; the message has its last lines.',
    cure: 'Mend what they name, then `visiontrain resume NAME`.',
  },
  'run/lost': {
    what: 'The run was moved, removed or taken over while it went on.',
    cause: 'Its folder changed its place, or another machine went on with it.',
    cure: 'Look where it is with `visiontrain ps`, and go on with `visiontrain resume NAME`.',
  },
  'run/unknown-end': {
    what: 'It is not known how the run ended.',
    cause: 'The files that tell it are missing or damaged.',
    cure: 'Look at `visiontrain logs NAME`, then `visiontrain resume NAME`.',
  },
  'package/incomplete': {
    what: 'A file of visiontrain is missing.',
    cause: 'The package was not installed whole.',
    cure: 'Install it again: `npx visiontrain@latest`.',
  },
  'environment/setup': {
    what: 'The Python environment could not be set up.',
    cause: 'Most often the network, a proxy or the disk; the message has the last lines of the installer.',
    cure: 'Mend what they name and type the same command.',
  },
  'environment/no-python': {
    what: 'There is no Python that training can use.',
    cause: 'A 64-bit Python 3.10 to 3.14 with its venv module is needed.',
    cure: 'Install one as the message shows, or uv, which brings its own.',
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
  'captions/method': {
    what: 'Captions cannot be written in that way.',
    cause: 'The tagger, captioner or endpoint is incomplete, or is none.',
    cure: 'See what there is: `visiontrain dataset --help`.',
  },
  'captions/server': {
    what: 'Pictures would be sent to a server that you have not allowed yet.',
    cause: 'The run.yaml has an address in captions.endpoint, and run.yaml files come from other people too.',
    cure: 'Allow the server once with --send-pictures, or let a model on this machine write the captions.',
  },
  'captions/failed': {
    what: 'The program that writes captions failed.',
    cause: 'Most often for lack of memory; the message has its last lines.',
    cure: 'Close what else uses the memory, and type the same command: captions that are written are kept.',
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
  'model/none': {
    what: 'There is no such model in the registry.',
    cause: 'The id is misspelt, or the model was never added.',
    cure: 'See all: `visiontrain models list`. Add your own: `visiontrain models add FILE`.',
  },
  'model/not-a-base': {
    what: 'The entry is no base model, or no VAE where one is needed.',
    cause: 'The registry has models, VAEs and files that go with them; each has its place in run.yaml.',
    cure: 'See what each is: `visiontrain models list`.',
  },
  'model/id': {
    what: 'A model cannot have that id.',
    cause: 'It has other signs than lower-case letters, digits, dots and dashes.',
    cure: 'Give another with --id.',
  },
  'model/id-taken': {
    what: 'There is an entry of that id already.',
    cause: 'Each id means one model.',
    cure: 'Give another with --id, or remove the old one: `visiontrain models rm ID`.',
  },
  'model/licence': {
    what: 'The model has a licence that must be accepted first.',
    cause: 'Its author asks for it.',
    cure: 'Read it, then accept it as the message shows.',
  },
  'model/list': {
    what: 'The list of models has mistakes.',
    cause: 'models.yaml was changed by hand, or comes from another version.',
    cure: 'Mend what the message names.',
  },
  'model/family': {
    what: 'The model is of another family than what it is to be like.',
    cause: 'LoRAs are trained here on Stable Diffusion 1.5 and on SDXL, and each needs companions of its own family.',
    cure: 'Name a model of the same family with --like.',
  },
  'model/not-supported': {
    what: 'The model is of a kind that is not trained here.',
    cause: 'LoRAs are trained here on Stable Diffusion 1.5 and SDXL, for epsilon and v_prediction.',
    cure: 'Choose another: `visiontrain models list`.',
  },
  'model/incomplete': {
    what: 'The model is not whole.',
    cause: 'Files or weights of it are missing, or it comes without a VAE.',
    cure: 'Download it again, or name a VAE with model.vae.',
  },
  'model/unreadable': {
    what: 'A file of the model cannot be read.',
    cause: 'The path is wrong, a link leads nowhere, or the content is not what its name says.',
    cure: 'Check the path, or download the model again.',
  },
  'model/not-safetensors': {
    what: 'The file is no safetensors file.',
    cause:
      'It is a pickle, a web page, a pointer of Git LFS, or cut short. Pickles can run code, so they are never opened.',
    cure: 'Download the .safetensors file again, from its download button or with `visiontrain models pull`.',
  },
  'model/config': {
    what: 'No configuration files fit the model.',
    cause: 'A single-file checkpoint needs those of a model of its family.',
    cure: 'Name a base model of the registry, or use the model in the layout of diffusers.',
  },
  'model/built-in': {
    what: 'The model is built in and cannot be removed.',
    cause: 'It comes with visiontrain and takes no room of its own.',
    cure: 'There is nothing to do.',
  },
  'model/in-use': {
    what: 'The model is in use.',
    cause: 'It is being fetched, or runs that are not finished need it.',
    cure: 'Wait or stop them; the message names them.',
  },
  'model/address': {
    what: 'The address cannot be used.',
    cause: 'It is no address, has no file name, or the SHA-256 of its file is not given.',
    cure: 'Copy it from the download button, and give --sha256 as the page shows it.',
  },
  'model/hub': {
    what: 'Hugging Face or Civitai has no model there that can be used.',
    cause: 'The page holds no .safetensors checkpoint, several, or none that is published.',
    cure: 'Give the link of the very file that you want.',
  },
  'model/token': {
    what: 'The server asks for a token.',
    cause: 'The file is not public. Tokens are never kept in a file of the registry.',
    cure: 'Put the token into a variable, and name the variable with --token-env.',
  },
  'lora/unreadable': {
    what: 'A LoRA file cannot be read.',
    cause: 'It is not there, or this user may not read it.',
    cure: 'Check the path.',
  },
  'lora/thumbnail': {
    what: 'A picture cannot be the thumbnail of a LoRA file.',
    cause: 'It is no PNG or JPEG, or one of a kind that is not read here (16 bits, interlaced, CMYK).',
    cure: 'Save it as a plain PNG or JPEG.',
  },
  'report/port': {
    what: 'The report cannot be served at this port.',
    cause: 'Another program has the port, or ports below 1024 are not for this user.',
    cure: 'Leave out --port: a free one is chosen.',
  },
  'lora/unusable': {
    what: 'The LoRA of training.init_lora cannot be gone on from.',
    cause: 'It is not there, damaged, of another family, or of a kind that is not read.',
    cure: 'Check the path; it starts at the folder of run.yaml.',
  },
  'download/failed': {
    what: 'A file could not be downloaded.',
    cause: 'Each source and why it failed stands in the message.',
    cure: 'Type the same command later: it goes on from what is there.',
  },
  'download/wrong-file': {
    what: 'A file is not the one it should be.',
    cause: 'Its SHA-256 is another, so it was damaged on its way or changed at its source.',
    cure: 'Type the same command again. If it stays, `visiontrain models check` tells whether the source changed.',
  },
  'download/too-slow': {
    what: 'A download took longer than it was given.',
    cause: 'VISIONTRAIN_DOWNLOAD_TIMEOUT bounds it.',
    cure: 'Type the same command again: it goes on from what is there.',
  },
  'download/offline': {
    what: 'Something would have to be fetched, but offline mode is on.',
    cause: 'VISIONTRAIN_OFFLINE or HF_HUB_OFFLINE is set.',
    cure: 'Unset it, or put the file where the message says.',
  },
  'download/no-source': {
    what: 'Nobody is known to offer the file.',
    cause: 'The entry of the registry has no source or no hash for it, or the file it was added from is gone.',
    cure: 'Put the file back, or add the model again from where it is.',
  },
  'download/foreign-partial': {
    what: 'What lies where a download would be kept is not ours.',
    cause: 'A link or a file of another user has its name. It is left alone.',
    cure: 'Look at it, and remove it if you do not know it.',
  },
  'download/certificates': {
    what: 'The file of certificates cannot be read.',
    cause: 'SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that is not there or is none.',
    cure: 'Mend or unset that variable.',
  },
  'download/proxy': {
    what: 'The proxy cannot be used.',
    cause: 'HTTPS_PROXY, HTTP_PROXY or ALL_PROXY holds no address of an HTTP proxy.',
    cure: 'Write it as http://host:port, or unset it.',
  },
  'download/setting': {
    what: 'A setting of downloads is wrong.',
    cause: 'A variable or flag holds something else than it takes.',
    cure: 'The message says what it looks like.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorId = keyof typeof errorCatalogue;

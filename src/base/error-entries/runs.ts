/** Errors of data sets, captions and runs. */
import type { ErrorEntry } from './entry.ts';

export const runErrors = {
  'run/none': {
    what: 'There is no such run.',
    cause: 'The name is misspelt, or the run lies in another workspace.',
    cure: 'See all runs: `visiontrain ps --older`.',
  },
  'run/several': {
    what: 'Several runs begin with what was typed.',
    cause: 'The beginning of a name is enough only while it means one run.',
    cure: 'Type more of the name; `visiontrain ps --older` lists them.',
  },
  'run/name': {
    what: 'A run cannot have that name.',
    cause: 'The name becomes a folder and a file.',
    cure: 'Use letters, digits, dot, dash and underscore, 100 at most.',
  },
  'run/nodes': {
    what: 'It is not clear which of several machines this is.',
    cause:
      'resources.nodes says that several machines train together, and each must be told its number and where they meet.',
    cure: 'Type the same on each: `visiontrain run run.yaml --node N --rendezvous FIRST-MACHINE:29500`.',
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
  'judge/busy': {
    what: 'The run cannot be judged now.',
    cause: 'Another process judges it already, or waits to.',
    cure: 'Wait until it is over, or end it: `visiontrain judge RUN --stop`.',
  },
  'judge/none': {
    what: 'The run was not judged yet.',
    cause: 'There is no judge.json in its folder, or one of another version of visiontrain.',
    cure: 'Judge it: `visiontrain judge RUN`.',
  },
  'judge/failed': {
    what: 'Judging could not be finished.',
    cause: 'The program that judges said so, or was ended from outside.',
    cure: 'judge.log in the run folder has what it printed. The same command goes on with what was drawn.',
  },
  'judge/memory': {
    what: 'There is not enough memory to judge.',
    cause:
      'The base model and what compares the samples need more than the card or the machine has, or another program holds it.',
    cure: 'Close other programs, or judge without further models: `visiontrain judge RUN --likeness pixels --fit none`. What was drawn is kept.',
  },
  'sample/failed': {
    what: 'Samples could not be drawn.',
    cause: 'The program that draws said so, or was ended from outside.',
    cure: 'sample.log in the folder of the samples has what it printed. The same command goes on with what was drawn.',
  },
  'sample/memory': {
    what: 'There is not enough memory to draw samples.',
    cause:
      'The base model and the size of the samples need more than the card or the machine has, or another program holds it.',
    cure: 'Close other programs, or draw smaller: `--size`. What was drawn is kept.',
  },
  'sample/base': {
    what: 'The base model of a LoRA is not known.',
    cause: 'Its metadata names none that is in the list of models, and no --base was given.',
    cure: 'Name the base it was trained on: `visiontrain sample --lora FILE --base MODEL`.',
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
  'dataset/archive-unsafe': {
    what: 'An archive with pictures is not unpacked.',
    cause: 'It holds links, names that lead out of it, the same name twice, or far more than its size tells.',
    cure: 'Unpack it with a program of your own if you trust it, and name the folder.',
  },
  'dataset/archive-damaged': {
    what: 'An archive with pictures cannot be unpacked.',
    cause: 'It is damaged, cut short, of a kind that is not read, or holds no pictures.',
    cure: 'Fetch or make it again, or unpack it yourself and name the folder. zip, tar, tar.gz, tar.zst and parquet are read.',
  },
  'dataset/hub': {
    what: 'A data set of the Hugging Face hub cannot be used.',
    cause: 'Its name is misspelt, it asks for a login or for its terms to be accepted, or it holds no pictures.',
    cure: 'Look at its page; name it as `hf:owner/name`, with `@revision` or `/folder` behind it where you want.',
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
  'captions/method': {
    what: 'Captions cannot be written in that way.',
    cause: 'The tagger, captioner or endpoint is incomplete, or is none.',
    cure: 'See what there is: `visiontrain dataset --help`.',
  },
  'captions/editor': {
    what: 'No editor could be used.',
    cause: 'Neither VISUAL nor EDITOR names one, it could not be started, or it ended with an error.',
    cure: 'Name one: `EDITOR=nano visiontrain dataset caption edit FOLDER`.',
  },
  'captions/lines': {
    what: 'Lines of the edited captions cannot be understood.',
    cause: 'Each line is the path of a picture, a tab and its caption; one has another path, or stands there twice.',
    cure: 'Mend the file that the message names, and give it back as the message says.',
  },
  'captions/server': {
    what: 'Pictures would be sent to a server that you have not allowed yet.',
    cause: 'The run.yaml has an address in captions.endpoint, and run.yaml files come from other people too.',
    cure: 'Allow the server once with --send-pictures, or let a model on this machine write the captions.',
  },
  'logging/space': {
    what: 'A tracker would send to a Space of Hugging Face that you have not allowed yet.',
    cause: 'The run.yaml names the Space in logging.trackers, and run.yaml files come from other people too.',
    cure: 'Allow the Space once with --send-pictures, or take space out of logging.trackers.',
  },
  'captions/failed': {
    what: 'The program that writes captions failed.',
    cause: 'Most often for lack of memory; the message has its last lines.',
    cure: 'Close what else uses the memory, and type the same command: captions that are written are kept.',
  },
  'dataset/unreadable': {
    what: 'No picture of the data set can be read.',
    cause: 'The files are damaged, cut short, or of a kind that is no picture behind its name.',
    cure: 'Open them in a picture viewer, replace the damaged ones, and start the run again.',
  },
  'masks/failed': {
    what: 'Masks could not be made.',
    cause: 'The model that finds parts of pictures is damaged or of another kind, or the program that runs it ended.',
    cure: 'Look at the message; `visiontrain models verify` checks the model. Masks that were made are kept.',
  },
  'dataset/mask': {
    what: 'A mask does not fit its picture.',
    cause: 'It cannot be read, has another shape than its picture, or is black all over.',
    cure: 'Replace or remove the mask; a mask has the width and height of its picture.',
  },
  'run/no-original': {
    what: 'The run that is being verified cannot be read any more.',
    cause: 'Its files were changed or removed while `visiontrain verify` worked.',
    cure: 'Start `visiontrain verify` again.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

#compdef visiontrain
# Completion of visiontrain for zsh.
_visiontrain() {
  local -a commands words_of flags_of
  local runs="${VISIONTRAIN_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/visiontrain}/runs"
  commands=(
    'new:the wizard\: from a folder of pictures to run.yaml, and start'
    'run:train what a run.yaml says, or again what is in a bundle\: check, fetch, train, show'
    'preset:settings of your own to start from\: list, save, show, diff, rm'
    'demo:the whole job on the embedded tiny model, on the CPU'
    'ps:live and past runs'
    'status:where a run is, or how it ended'
    'attach:watch a run; leaving changes nothing for it'
    'logs:what the trainer printed'
    'stop:end a run after this step, with a checkpoint'
    'resume:go on with a run that was stopped, failed or died'
    'verify:train a finished run again\: are the bytes the same?'
    'judge:which checkpoint is best\: a table of all beside the base model, and a sentence of advice'
    'sample:draw pictures with LoRA files of any trainer, or with the checkpoints of a run, side by side'
    'export:write the LoRA of a checkpoint, also of a live run; all of a run as a bundle; a job of Slurm or SkyPilot'
    'report:one HTML page of a run\: did it learn, samples, curves, settings'
    'compare:runs, or all of a sweep, beside each other\: what differs, curves, samples of the same prompts'
    'publish:give a LoRA to others\: to a Hugging Face hub, or as a kit for Civitai'
    'fetch:bring runs home from other machines, every file checked'
    'queue:runs that wait for a card\: list, add, remove, hold, release, move, run; and sweeps over settings'
    'slurm:what a job of Slurm runs\: run --on slurm writes it into the job script'
    'setup:make the Python environment that trains, and prove the card'
    'doctor:is this machine fit to train, and if not, what to type'
    'notify:how you are told of your runs\: terminal, desktop, Discord, Slack, ntfy, a web hook'
    'hosts:other machines that train for you, by SSH\: list, add, remove, check'
    'models:base models\: list, info, pull, verify, add, rm, check'
    'dataset:check\: what is in a folder of pictures; caption\: write captions for it, edit them, undo; tags\: what its captions say; mask\: find the subject, faces, text'
    'lora:LoRA files of any trainer\: inspect, check, diff, edit, resize, merge, convert'
    'explain:what a word of training means; `explain agents`\: how a program drives all this'
    'schema:print the JSON Schema of run.yaml, or of what a command prints with --json'
    'completion:print the completion script for bash, zsh or fish'
    'config:where settings and folders come from'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "${words[2]}" in
    new) words_of=(); flags_of=(--easy --advanced --from --base --preset --output --json --plain --no-input --yes --workspace --debug --help);;
    run) words_of=(); flags_of=(--pictures --set --preset --name --detach --foreground --node --rendezvous --no-notify --allow-hooks --dry-run --on --slurm --accept-license --send-pictures --torch --json --plain --no-input --yes --workspace --debug --help);;
    preset) words_of=(list save show diff rm); flags_of=(--about --all --replace --base --json --plain --no-input --yes --workspace --debug --help);;
    demo) words_of=(); flags_of=(--detach --json --plain --no-input --yes --workspace --debug --help);;
    ps) words_of=(); flags_of=(--all --json --plain --no-input --yes --workspace --debug --help);;
    status) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
    attach) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--readonly --json --plain --no-input --yes --workspace --debug --help);;
    logs) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--follow --json --plain --no-input --yes --workspace --debug --help);;
    stop) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--now --json --plain --no-input --yes --workspace --debug --help);;
    resume) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--detach --foreground --node --rendezvous --no-notify --allow-hooks --dataset --json --plain --no-input --yes --workspace --debug --help);;
    verify) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
    judge) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--steps --strength --seeds --trigger --likeness --fit --export --detach --show --stop --json --plain --no-input --yes --workspace --debug --help);;
    sample) words_of=(); flags_of=(--lora --prompt --prompts --negative --step --strength --seed --steps --guidance --size --sampler --spacing --base --grid --precision --device --output --json --plain --no-input --yes --workspace --debug --help);;
    export) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--step --best --by --last --average --precision --to --diffusers --bundle --images --weights --set --name --slurm --accept-license --allow-hooks --send-pictures --json --plain --no-input --yes --workspace --debug --help);;
    report) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--output --no-thumbnails --serve --port --json --plain --no-input --yes --workspace --debug --help);;
    compare) words_of=(${(f)"$(command ls $runs 2>/dev/null)"}); flags_of=(--html --json --plain --no-input --yes --workspace --debug --help);;
    publish) words_of=(hub kit); flags_of=(--repo --public --dry-run --to --json --plain --no-input --yes --workspace --debug --help);;
    fetch) words_of=(); flags_of=(--checkpoints --json --plain --no-input --yes --workspace --debug --help);;
    queue) words_of=(add hold list move release remove run); flags_of=(--set --preset --name --sweep --random --search --measure --list --after --on --slurm --dry-run --accept-license --send-pictures --allow-hooks --json --plain --no-input --yes --workspace --debug --help);;
    slurm) words_of=(); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
    setup) words_of=(); flags_of=(--force --torch --captions --heif --wandb --trackio --optuna --wheels --plan --list --remove --json --plain --no-input --yes --workspace --debug --help);;
    doctor) words_of=(); flags_of=(--bundle --json --plain --no-input --yes --workspace --debug --help);;
    notify) words_of=(); flags_of=(--test --json --plain --no-input --yes --workspace --debug --help);;
    hosts) words_of=(); flags_of=(--port --identity --jump --home --json --plain --no-input --yes --workspace --debug --help);;
    models) words_of=(list info pull verify add rm check); flags_of=(--sha256 --size --mirror --token-env --output --connections --limit-rate --accept-license --id --title --like --prediction --family --partials --force --json --plain --no-input --yes --workspace --debug --help);;
    dataset) words_of=(check caption tags mask); flags_of=(--captions --caption-from --include --write --for --goal --html --trigger --tagger --captioner --threshold --character-threshold --exclude --length --endpoint --model --prompt --key-env --all --find --device --from --preview --editor --write-files --json --plain --no-input --yes --workspace --debug --help);;
    lora) words_of=(inspect check diff edit resize merge convert); flags_of=(--base --into --output --rank --keep --by --to --precision --in-place --title --author --description --license --tags --usage-hint --trigger --thumbnail --json --plain --no-input --yes --workspace --debug --help);;
    explain) words_of=(); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
    schema) words_of=(); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
    completion) words_of=(bash zsh fish); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
    config) words_of=(); flags_of=(--json --plain --no-input --yes --workspace --debug --help);;
  esac
  if [[ "${words[CURRENT]}" == -* ]]; then
    compadd -- $flags_of
  elif (( CURRENT == 3 )) && (( $#words_of )); then
    compadd -- $words_of
  else
    _files
  fi
}
compdef _visiontrain visiontrain

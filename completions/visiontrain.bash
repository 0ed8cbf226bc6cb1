# Completion of visiontrain for bash.
_visiontrain_runs() { command ls "${VISIONTRAIN_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/visiontrain}/runs" 2>/dev/null; }
_visiontrain() {
  local current="${COMP_WORDS[COMP_CWORD]}" words="" flags=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "new run preset demo ps status attach logs stop resume verify judge sample export report compare publish fetch queue slurm setup doctor notify hosts models dataset lora explain schema completion config --help --version" -- "$current"))
    return
  fi
  case "${COMP_WORDS[1]}" in
    new) words=""; flags="--easy --advanced --from --base --preset --output --json --plain --no-input --yes --workspace --debug --help";;
    run) words=""; flags="--pictures --set --preset --name --detach --foreground --node --rendezvous --no-notify --allow-hooks --dry-run --on --slurm --accept-license --send-pictures --torch --json --plain --no-input --yes --workspace --debug --help";;
    preset) words="list save show diff rm"; flags="--about --all --replace --base --json --plain --no-input --yes --workspace --debug --help";;
    demo) words=""; flags="--detach --json --plain --no-input --yes --workspace --debug --help";;
    ps) words=""; flags="--all --json --plain --no-input --yes --workspace --debug --help";;
    status) words="$(_visiontrain_runs)"; flags="--json --plain --no-input --yes --workspace --debug --help";;
    attach) words="$(_visiontrain_runs)"; flags="--readonly --json --plain --no-input --yes --workspace --debug --help";;
    logs) words="$(_visiontrain_runs)"; flags="--follow --json --plain --no-input --yes --workspace --debug --help";;
    stop) words="$(_visiontrain_runs)"; flags="--now --json --plain --no-input --yes --workspace --debug --help";;
    resume) words="$(_visiontrain_runs)"; flags="--detach --foreground --node --rendezvous --no-notify --allow-hooks --dataset --json --plain --no-input --yes --workspace --debug --help";;
    verify) words="$(_visiontrain_runs)"; flags="--json --plain --no-input --yes --workspace --debug --help";;
    judge) words="$(_visiontrain_runs)"; flags="--steps --strength --seeds --trigger --likeness --fit --export --detach --show --stop --json --plain --no-input --yes --workspace --debug --help";;
    sample) words=""; flags="--lora --prompt --prompts --negative --step --strength --seed --steps --guidance --size --sampler --spacing --base --grid --precision --device --output --json --plain --no-input --yes --workspace --debug --help";;
    export) words="$(_visiontrain_runs)"; flags="--step --best --by --last --average --precision --to --diffusers --bundle --images --weights --set --name --slurm --accept-license --allow-hooks --send-pictures --json --plain --no-input --yes --workspace --debug --help";;
    report) words="$(_visiontrain_runs)"; flags="--output --no-thumbnails --serve --port --json --plain --no-input --yes --workspace --debug --help";;
    compare) words="$(_visiontrain_runs)"; flags="--html --json --plain --no-input --yes --workspace --debug --help";;
    publish) words="hub kit"; flags="--repo --public --dry-run --to --json --plain --no-input --yes --workspace --debug --help";;
    fetch) words=""; flags="--checkpoints --json --plain --no-input --yes --workspace --debug --help";;
    queue) words="add hold list move release remove run"; flags="--set --preset --name --sweep --random --search --measure --list --after --on --slurm --dry-run --accept-license --send-pictures --allow-hooks --json --plain --no-input --yes --workspace --debug --help";;
    slurm) words=""; flags="--json --plain --no-input --yes --workspace --debug --help";;
    setup) words=""; flags="--force --torch --captions --heif --wandb --trackio --optuna --wheels --plan --list --remove --json --plain --no-input --yes --workspace --debug --help";;
    doctor) words=""; flags="--bundle --json --plain --no-input --yes --workspace --debug --help";;
    notify) words=""; flags="--test --json --plain --no-input --yes --workspace --debug --help";;
    hosts) words=""; flags="--port --identity --jump --home --json --plain --no-input --yes --workspace --debug --help";;
    models) words="list info pull verify add rm check"; flags="--sha256 --size --mirror --token-env --output --connections --limit-rate --accept-license --id --title --like --prediction --family --partials --force --json --plain --no-input --yes --workspace --debug --help";;
    dataset) words="check caption tags mask"; flags="--captions --caption-from --include --write --for --goal --html --trigger --tagger --captioner --threshold --character-threshold --exclude --length --endpoint --model --prompt --key-env --all --find --device --from --preview --editor --write-files --json --plain --no-input --yes --workspace --debug --help";;
    lora) words="inspect check diff edit resize merge convert"; flags="--base --into --output --rank --keep --by --to --precision --in-place --title --author --description --license --tags --usage-hint --trigger --thumbnail --json --plain --no-input --yes --workspace --debug --help";;
    explain) words=""; flags="--json --plain --no-input --yes --workspace --debug --help";;
    schema) words=""; flags="--json --plain --no-input --yes --workspace --debug --help";;
    completion) words="bash zsh fish"; flags="--json --plain --no-input --yes --workspace --debug --help";;
    config) words=""; flags="--json --plain --no-input --yes --workspace --debug --help";;
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current"));;
    *) [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$current"));;
  esac
}
complete -o default -o bashdefault -F _visiontrain visiontrain

# Completion of visiontrain for bash.
_visiontrain_runs() { command ls "${VISIONTRAIN_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/visiontrain}/runs" 2>/dev/null; }
_visiontrain_presets() { command ls "$(if [ -n "$VISIONTRAIN_HOME" ]; then echo "$VISIONTRAIN_HOME/config"; else echo "${XDG_CONFIG_HOME:-$HOME/.config}/visiontrain"; fi)/presets" 2>/dev/null | command sed -n 's/\.yaml$//p'; }
_visiontrain_place() {
  local word skip=
  place=0
  for word in "$@"; do
    if [ -n "$skip" ]; then skip=; continue; fi
    case " --from --base --preset -o --output --pictures --set --name --node --rendezvous --on --slurm --torch --about --dataset --steps --strength --seeds --trigger --likeness --fit --lora --prompt --prompts --negative --step --seed --guidance --size --sampler --spacing --grid --precision --device --by --to --weights --port --html --repo --sweep --random --search --measure --devices --list --after --wheels -p -i --identity -J --jump --home --sha256 --mirror --token-env --connections --limit-rate --id --title --like --prediction --family --captions --caption-from --include --write --for --goal --tagger --captioner --threshold --character-threshold --exclude --length --endpoint --model --key-env --find --into --rank --keep --author --description --license --tags --usage-hint --thumbnail --workspace " in *" $word "*) skip=1; continue;; esac
    case "$word" in -*) ;; *) place=$((place + 1)); [ "$place" -eq 1 ] && command_of=$word;; esac
  done
}
_visiontrain_offer() {
  local IFS=$'\n'
  case "$1" in
    run) COMPREPLY=($(compgen -W "$(_visiontrain_runs)" -- "$2"));;
    preset) COMPREPLY=($(compgen -W "$(_visiontrain_presets)" -- "$2"));;
    base) COMPREPLY=($(compgen -W $'tiny\nsd15\nsd15-fp32\nsd15-pruned\nsdxl\nsdxl-0.9vae\npony\nillustrious\nillustrious-v0.1-guided\nillustrious-v1.0\nillustrious-v1.1\nillustrious-v2.0\nnoobai\nnoobai-vpred\nanimagine-3.1\nanimagine-4.0\nanimagine-4.0-opt' -- "$2"));;
    key) COMPREPLY=($(compgen -W $'version\nname\ndataset.path\ndataset.include\ndataset.sources\ndataset.goal\ndataset.trigger\ndataset.caption_extension\ndataset.caption_from\ndataset.caption_prefix\ndataset.caption_suffix\ndataset.default_caption\ndataset.shuffle_tags\ndataset.keep_tags\ndataset.caption_dropout\ndataset.tag_dropout\ndataset.caption_options\ndataset.repeats\ndataset.resolution\ndataset.resolution_use\ndataset.buckets\ndataset.bucket_step\ndataset.bucket_min\ndataset.bucket_max\ndataset.no_upscale\ndataset.crop\ndataset.flip\ndataset.alpha_color\ndataset.augment\ndataset.masks\ndataset.regularisation\ndataset.validation_share\ncaptions.write\ncaptions.tagger\ncaptions.threshold\ncaptions.character_threshold\ncaptions.ratings\ncaptions.exclude\ncaptions.captioner\ncaptions.length\ncaptions.endpoint\ncaptions.endpoint_model\ncaptions.prompt\ncaptions.replace\ncaptions.remove\ncaptions.keep_only\ncaptions.dedupe\ncaptions.add_first\ncaptions.add_last\ncaptions.limit\ncaptions.protect\nmodel.base\nmodel.family\nmodel.prediction\nmodel.zero_terminal_snr\nmodel.vae\nmodel.flow_shift\nmodel.vae_scaling\nmodel.merge_loras\nmodel.clip_skip\ntraining.seed\ntraining.steps\ntraining.batch_size\ntraining.batch_size_at\ntraining.gradient_accumulation\ntraining.learning_rate\ntraining.text_encoder_learning_rate\ntraining.text_encoder_until\ntraining.optimizer\ntraining.optimizer_args\ntraining.weight_decay\ntraining.betas\ntraining.schedule\ntraining.schedule_args\ntraining.warmup\ntraining.cycles\ntraining.max_grad_norm\ntraining.max_weight_norm\ntraining.ema\ntraining.rank\ntraining.alpha\ntraining.dropout\ntraining.targets\ntraining.conv_rank\ntraining.conv_alpha\ntraining.adapter\ntraining.lokr\ntraining.dora\ntraining.rslora\ntraining.lora_plus_ratio\ntraining.rank_dropout\ntraining.module_dropout\ntraining.t_lora\ntraining.layers\ntraining.loss\ntraining.huber_c\ntraining.huber_schedule\ntraining.huber_scale\ntraining.loss_weighting\ntraining.min_snr_gamma\ntraining.p2_gamma\ntraining.scale_v_loss\ntraining.v_like_loss\ntraining.noise_offset\ntraining.noise_offset_random\ntraining.noise_offset_adaptive\ntraining.multires_noise\ntraining.input_perturbation\ntraining.timesteps\ntraining.preservation\ntraining.pivotal\ntraining.init_lora\nvalidation.path\nvalidation.every\nvalidation.images\nvalidation.judge\nvalidation.patience\nvalidation.min_change\nsamples.every\nsamples.prompts\nsamples.negative\nsamples.sampler\nsamples.spacing\nsamples.steps\nsamples.guidance\nsamples.seed\noutput.precision\noutput.metadata\noutput.diffusers\noutput.checkpoint_every\noutput.checkpoint_keep\noutput.save_every\noutput.save_keep\nresources.device\nresources.devices\nresources.nodes\nresources.precision\nresources.vae_precision\nresources.gradient_checkpointing\nresources.base_precision\nresources.text_precision\nresources.stream_base\nresources.attention\nresources.channels_last\nresources.tf32\nresources.compile\nresources.deterministic\nresources.probe\nresources.workers\nresources.threads\nlogging.every\nlogging.tensorboard\nlogging.images\nlogging.prometheus\nlogging.trackers\nhooks.on_start\nhooks.on_download\nhooks.on_checkpoint\nhooks.on_validation\nhooks.on_sample\nhooks.on_save\nhooks.on_finish\nhooks.on_failure' -- "$2"));;
    lora) compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -X '!*.safetensors' -- "$2") $(compgen -d -- "$2"));;
  esac
}
_visiontrain() {
  local current="${COMP_WORDS[COMP_CWORD]}" actions="" first="" others="" flags="" kind="" place command_of=""
  COMPREPLY=()
  _visiontrain_place "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  case "${COMP_WORDS[COMP_CWORD-1]}" in
    --preset) kind=preset;;
    --base) kind=base;;
    --into) kind=base;;
    --like) kind=base;;
    --for) kind=base;;
    --lora) kind=lora;;
    --after) kind=run;;
    --set) kind=key;;
    --sweep) kind=key;;
  esac
  if [ -n "$kind" ]; then _visiontrain_offer "$kind" "$current"; return; fi
  if [ "$place" -eq 0 ]; then
    COMPREPLY=($(compgen -W "new run preset demo ps status attach logs stop resume verify judge sample export report compare publish fetch queue slurm setup doctor notify hosts models dataset lora explain schema completion config --help --version" -- "$current"))
    return
  fi
  case "$command_of" in
    new) first=; others=; flags="--easy --advanced --from --base --preset --output --no-start --json --plain --no-input --yes --workspace --debug --help";;
    run) first=; others=; flags="--pictures --set --preset --name --detach --foreground --node --rendezvous --no-notify --allow-hooks --send-pictures --dry-run --on --slurm --accept-license --torch --json --plain --no-input --yes --workspace --debug --help";;
    preset) actions="list save show diff rm"; first=; others=preset; flags="--about --all --replace --base --json --plain --no-input --yes --workspace --debug --help";;
    demo) first=; others=; flags="--detach --json --plain --no-input --yes --workspace --debug --help";;
    ps) first=; others=; flags="--all --older --json --plain --no-input --yes --workspace --debug --help";;
    status) first=run; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
    attach) first=run; others=; flags="--readonly --json --plain --no-input --yes --workspace --debug --help";;
    logs) first=run; others=; flags="--follow --json --plain --no-input --yes --workspace --debug --help";;
    stop) first=run; others=; flags="--now --json --plain --no-input --yes --workspace --debug --help";;
    resume) first=run; others=; flags="--detach --foreground --node --rendezvous --no-notify --allow-hooks --send-pictures --dataset --json --plain --no-input --yes --workspace --debug --help";;
    verify) first=run; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
    judge) first=run; others=; flags="--steps --strength --seeds --trigger --likeness --fit --dataset --export --detach --show --stop --json --plain --no-input --yes --workspace --debug --help";;
    sample) first=run; others=; flags="--lora --prompt --prompts --negative --step --strength --seed --steps --guidance --size --sampler --spacing --base --grid --precision --device --output --json --plain --no-input --yes --workspace --debug --help";;
    export) first=run; others=; flags="--step --best --by --last --average --precision --to --diffusers --bundle --images --weights --set --name --slurm --accept-license --allow-hooks --send-pictures --json --plain --no-input --yes --workspace --debug --help";;
    report) first=run; others=; flags="--output --no-thumbnails --serve --port --json --plain --no-input --yes --workspace --debug --help";;
    compare) first=run; others=run; flags="--html --json --plain --no-input --yes --workspace --debug --help";;
    publish) actions="hub kit"; first=; others=run; flags="--repo --public --dry-run --to --json --plain --no-input --yes --workspace --debug --help";;
    fetch) first=; others=; flags="--checkpoints --json --plain --no-input --yes --workspace --debug --help";;
    queue) actions="add hold list move release remove run"; first=; others=run; flags="--set --preset --name --sweep --random --search --measure --devices --list --after --on --slurm --all --dry-run --accept-license --send-pictures --allow-hooks --json --plain --no-input --yes --workspace --debug --help";;
    slurm) first=; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
    setup) first=; others=; flags="--force --torch --captions --heif --wandb --trackio --optuna --wheels --plan --list --remove --json --plain --no-input --yes --workspace --debug --help";;
    doctor) first=; others=; flags="--bundle --json --plain --no-input --yes --workspace --debug --help";;
    notify) first=; others=; flags="--test --json --plain --no-input --yes --workspace --debug --help";;
    hosts) actions="add list check remove"; first=; others=; flags="--port --identity --jump --home --json --plain --no-input --yes --workspace --debug --help";;
    models) actions="list info pull verify add rm check"; first=; others=base; flags="--sha256 --size --mirror --token-env --output --connections --limit-rate --accept-license --id --title --like --prediction --family --partials --force --json --plain --no-input --yes --workspace --debug --help";;
    dataset) actions="check caption tags mask"; first=; others=; flags="--captions --caption-from --include --write --for --goal --html --trigger --tagger --captioner --threshold --character-threshold --exclude --length --endpoint --model --prompt --key-env --all --find --device --from --preview --editor --write-files --json --plain --no-input --yes --workspace --debug --help";;
    lora) actions="inspect check diff edit resize merge convert"; first=; others=lora; flags="--base --into --output --rank --keep --by --to --precision --in-place --title --author --description --license --tags --usage-hint --trigger --thumbnail --json --plain --no-input --yes --workspace --debug --help";;
    explain) first=key; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
    schema) first=; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
    completion) actions="bash zsh fish"; first=; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
    config) first=; others=; flags="--json --plain --no-input --yes --workspace --debug --help";;
  esac
  case "$current" in -*) COMPREPLY=($(compgen -W "$flags" -- "$current")); return;; esac
  if [ "$place" -gt 1 ]; then _visiontrain_offer "$others" "$current"
  elif [ -n "$actions" ]; then COMPREPLY=($(compgen -W "$actions" -- "$current"))
  else _visiontrain_offer "$first" "$current"; fi
}
complete -o default -o bashdefault -F _visiontrain visiontrain

#compdef visiontrain
# Completion of visiontrain for zsh.
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
  case "$1" in
    run) compadd -- ${(f)"$(_visiontrain_runs)"};;
    preset) compadd -- ${(f)"$(_visiontrain_presets)"};;
    base) compadd -- tiny sd15 sd15-fp32 sd15-pruned sdxl sdxl-0.9vae pony illustrious illustrious-v0.1-guided illustrious-v1.0 illustrious-v1.1 illustrious-v2.0 noobai noobai-vpred animagine-3.1 animagine-4.0 animagine-4.0-opt; _files;;
    key) compadd -- version name dataset.path dataset.include dataset.sources dataset.goal dataset.trigger dataset.caption_extension dataset.caption_from dataset.caption_prefix dataset.caption_suffix dataset.default_caption dataset.shuffle_tags dataset.keep_tags dataset.caption_dropout dataset.tag_dropout dataset.caption_options dataset.repeats dataset.resolution dataset.resolution_use dataset.buckets dataset.bucket_step dataset.bucket_min dataset.bucket_max dataset.no_upscale dataset.crop dataset.flip dataset.alpha_color dataset.augment dataset.masks dataset.regularisation dataset.validation_share captions.write captions.tagger captions.threshold captions.character_threshold captions.ratings captions.exclude captions.captioner captions.length captions.endpoint captions.endpoint_model captions.prompt captions.replace captions.remove captions.keep_only captions.dedupe captions.add_first captions.add_last captions.limit captions.protect model.base model.family model.prediction model.zero_terminal_snr model.vae model.flow_shift model.vae_scaling model.merge_loras model.clip_skip training.seed training.steps training.batch_size training.batch_size_at training.gradient_accumulation training.learning_rate training.text_encoder_learning_rate training.text_encoder_until training.optimizer training.optimizer_args training.weight_decay training.betas training.schedule training.schedule_args training.warmup training.cycles training.max_grad_norm training.max_weight_norm training.ema training.rank training.alpha training.dropout training.targets training.conv_rank training.conv_alpha training.adapter training.lokr training.dora training.rslora training.lora_plus_ratio training.rank_dropout training.module_dropout training.t_lora training.layers training.loss training.huber_c training.huber_schedule training.huber_scale training.loss_weighting training.min_snr_gamma training.p2_gamma training.scale_v_loss training.v_like_loss training.noise_offset training.noise_offset_random training.noise_offset_adaptive training.multires_noise training.input_perturbation training.timesteps training.preservation training.pivotal training.init_lora validation.path validation.every validation.images validation.judge validation.patience validation.min_change samples.every samples.prompts samples.negative samples.sampler samples.spacing samples.steps samples.guidance samples.seed output.precision output.metadata output.diffusers output.checkpoint_every output.checkpoint_keep output.save_every output.save_keep resources.device resources.devices resources.nodes resources.precision resources.vae_precision resources.gradient_checkpointing resources.base_precision resources.text_precision resources.stream_base resources.attention resources.channels_last resources.tf32 resources.compile resources.deterministic resources.probe resources.workers resources.threads logging.every logging.tensorboard logging.images logging.prometheus logging.trackers hooks.on_start hooks.on_download hooks.on_checkpoint hooks.on_validation hooks.on_sample hooks.on_save hooks.on_finish hooks.on_failure;;
    lora) _files -g '*.safetensors';;
    *) _files;;
  esac
}
_visiontrain() {
  local -a commands
  local actions= first= others= flags= kind= place=0 command_of=
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
  _visiontrain_place "${(@)words[2,CURRENT-1]}"
  case "${words[CURRENT-1]}" in
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
  if [[ -n "$kind" ]]; then _visiontrain_offer $kind; return; fi
  if (( place == 0 )); then _describe command commands; return; fi
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
  if [[ "${words[CURRENT]}" == -* ]]; then compadd -- ${=flags}
  elif (( place > 1 )); then _visiontrain_offer "$others"
  elif [[ -n "$actions" ]]; then compadd -- ${=actions}
  else _visiontrain_offer "$first"; fi
}
compdef _visiontrain visiontrain

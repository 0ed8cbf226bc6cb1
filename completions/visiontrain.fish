# Completion of visiontrain for fish.
function __visiontrain_runs
  set -l home $VISIONTRAIN_HOME
  test -n "$home"; or set home (test -n "$XDG_DATA_HOME"; and echo $XDG_DATA_HOME; or echo $HOME/.local/share)/visiontrain
  command ls $home/runs 2>/dev/null
end
function __visiontrain_presets
  set -l config (test -n "$XDG_CONFIG_HOME"; and echo $XDG_CONFIG_HOME; or echo $HOME/.config)/visiontrain
  test -n "$VISIONTRAIN_HOME"; and set config $VISIONTRAIN_HOME/config
  command ls $config/presets 2>/dev/null | string replace -rf '\.yaml$' ''
end
function __visiontrain_bases
  printf '%s\n' tiny sd15 sd15-fp32 sd15-pruned sdxl sdxl-0.9vae pony illustrious illustrious-v0.1-guided illustrious-v1.0 illustrious-v1.1 illustrious-v2.0 noobai noobai-vpred animagine-3.1 animagine-4.0 animagine-4.0-opt
end
function __visiontrain_keys
  printf '%s\n' version name dataset.path dataset.include dataset.sources dataset.goal dataset.trigger dataset.caption_extension dataset.caption_from dataset.caption_prefix dataset.caption_suffix dataset.default_caption dataset.shuffle_tags dataset.keep_tags dataset.caption_dropout dataset.tag_dropout dataset.caption_options dataset.repeats dataset.resolution dataset.resolution_use dataset.buckets dataset.bucket_step dataset.bucket_min dataset.bucket_max dataset.no_upscale dataset.crop dataset.flip dataset.alpha_color dataset.augment dataset.masks dataset.regularisation dataset.validation_share captions.write captions.tagger captions.threshold captions.character_threshold captions.ratings captions.exclude captions.captioner captions.length captions.endpoint captions.endpoint_model captions.prompt captions.replace captions.remove captions.keep_only captions.dedupe captions.add_first captions.add_last captions.limit captions.protect model.base model.family model.prediction model.zero_terminal_snr model.vae model.flow_shift model.vae_scaling model.merge_loras model.clip_skip training.seed training.steps training.batch_size training.batch_size_at training.gradient_accumulation training.learning_rate training.text_encoder_learning_rate training.text_encoder_until training.optimizer training.optimizer_args training.weight_decay training.betas training.schedule training.schedule_args training.warmup training.cycles training.max_grad_norm training.max_weight_norm training.ema training.rank training.alpha training.dropout training.targets training.conv_rank training.conv_alpha training.adapter training.lokr training.dora training.rslora training.lora_plus_ratio training.rank_dropout training.module_dropout training.t_lora training.layers training.loss training.huber_c training.huber_schedule training.huber_scale training.loss_weighting training.min_snr_gamma training.p2_gamma training.scale_v_loss training.v_like_loss training.noise_offset training.noise_offset_random training.noise_offset_adaptive training.multires_noise training.input_perturbation training.timesteps training.preservation training.pivotal training.init_lora validation.path validation.every validation.images validation.judge validation.patience validation.min_change samples.every samples.prompts samples.negative samples.sampler samples.spacing samples.steps samples.guidance samples.seed output.precision output.metadata output.diffusers output.checkpoint_every output.checkpoint_keep output.save_every output.save_keep resources.device resources.devices resources.nodes resources.precision resources.vae_precision resources.gradient_checkpointing resources.base_precision resources.text_precision resources.stream_base resources.attention resources.channels_last resources.tf32 resources.compile resources.deterministic resources.probe resources.workers resources.threads logging.every logging.tensorboard logging.images logging.prometheus logging.trackers hooks.on_start hooks.on_download hooks.on_checkpoint hooks.on_validation hooks.on_sample hooks.on_save hooks.on_finish hooks.on_failure
end
function __visiontrain_words
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if contains -- $word --from --base --preset -o --output --pictures --set --name --node --rendezvous --on --slurm --torch --about --dataset --steps --strength --seeds --trigger --likeness --fit --lora --prompt --prompts --negative --step --seed --guidance --size --sampler --spacing --grid --precision --device --by --to --weights --port --html --repo --sweep --random --search --measure --devices --list --after --wheels -p -i --identity -J --jump --home --sha256 --mirror --token-env --connections --limit-rate --id --title --like --prediction --family --captions --caption-from --include --write --for --goal --tagger --captioner --threshold --character-threshold --exclude --length --endpoint --model --key-env --find --into --rank --keep --author --description --license --tags --usage-hint --thumbnail --workspace
      set skip 1
    else if not string match -q -- '-*' $word
      echo $word
    end
  end
end
function __visiontrain_none
  test (count (__visiontrain_words)) -eq 0
end
function __visiontrain_at
  set -l words (__visiontrain_words)
  test "$words[1]" = $argv[1]; or return 1
  test $argv[2] = more; and test (count $words) -gt 1; and return 0
  test $argv[2] = 1; and test (count $words) -eq 1
end
complete -c visiontrain -n __visiontrain_none -f -a new -d 'the wizard: from a folder of pictures to run.yaml, and start'
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l easy
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l advanced
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l from -r
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l base -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l preset -x -k -a '(__visiontrain_presets)'
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l output -r
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l no-start
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l help
complete -c visiontrain -n __visiontrain_none -f -a run -d 'train what a run.yaml says, or again what is in a bundle: check, fetch, train, show'
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l pictures -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l set -x -k -a '(__visiontrain_keys)'
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l preset -x -k -a '(__visiontrain_presets)'
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l name -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l foreground
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l node -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l rendezvous -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l no-notify
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l dry-run
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l on -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l slurm -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l torch -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l help
complete -c visiontrain -n __visiontrain_none -f -a preset -d 'settings of your own to start from: list, save, show, diff, rm'
complete -c visiontrain -n '__visiontrain_at preset 1' -f -a 'list save show diff rm'
complete -c visiontrain -n '__visiontrain_at preset more' -f -k -a '(__visiontrain_presets)'
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l about -r
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l replace
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l base -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l help
complete -c visiontrain -n __visiontrain_none -f -a demo -d 'the whole job on the embedded tiny model, on the CPU'
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l help
complete -c visiontrain -n __visiontrain_none -f -a ps -d 'live and past runs'
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l older
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l help
complete -c visiontrain -n __visiontrain_none -f -a status -d 'where a run is, or how it ended'
complete -c visiontrain -n '__visiontrain_at status 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l help
complete -c visiontrain -n __visiontrain_none -f -a attach -d 'watch a run; leaving changes nothing for it'
complete -c visiontrain -n '__visiontrain_at attach 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l readonly
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l help
complete -c visiontrain -n __visiontrain_none -f -a logs -d 'what the trainer printed'
complete -c visiontrain -n '__visiontrain_at logs 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l follow
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l help
complete -c visiontrain -n __visiontrain_none -f -a stop -d 'end a run after this step, with a checkpoint'
complete -c visiontrain -n '__visiontrain_at stop 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l now
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l help
complete -c visiontrain -n __visiontrain_none -f -a resume -d 'go on with a run that was stopped, failed or died'
complete -c visiontrain -n '__visiontrain_at resume 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l foreground
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l node -r
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l rendezvous -r
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l no-notify
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l dataset -r
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l help
complete -c visiontrain -n __visiontrain_none -f -a verify -d 'train a finished run again: are the bytes the same?'
complete -c visiontrain -n '__visiontrain_at verify 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l help
complete -c visiontrain -n __visiontrain_none -f -a judge -d 'which checkpoint is best: a table of all beside the base model, and a sentence of advice'
complete -c visiontrain -n '__visiontrain_at judge 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l steps -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l strength -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l seeds -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l trigger -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l likeness -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l fit -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l dataset -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l export
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l show
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l stop
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l help
complete -c visiontrain -n __visiontrain_none -f -a sample -d 'draw pictures with LoRA files of any trainer, or with the checkpoints of a run, side by side'
complete -c visiontrain -n '__visiontrain_at sample 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l lora -x -k -a '(__fish_complete_suffix .safetensors)'
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l prompt -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l prompts -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l negative -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l step -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l strength -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l seed -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l steps -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l guidance -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l size -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l sampler -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l spacing -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l base -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l grid -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l precision -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l device -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l output -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l help
complete -c visiontrain -n __visiontrain_none -f -a export -d 'write the LoRA of a checkpoint, also of a live run; all of a run as a bundle; a job of Slurm or SkyPilot'
complete -c visiontrain -n '__visiontrain_at export 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l step -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l best
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l by -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l last
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l average
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l precision -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l to -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l diffusers
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l bundle
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l images
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l weights -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l set -x -k -a '(__visiontrain_keys)'
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l name -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l slurm -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l help
complete -c visiontrain -n __visiontrain_none -f -a report -d 'one HTML page of a run: did it learn, samples, curves, settings'
complete -c visiontrain -n '__visiontrain_at report 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l output -r
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l no-thumbnails
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l serve
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l port -r
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l help
complete -c visiontrain -n __visiontrain_none -f -a compare -d 'runs, or all of a sweep, beside each other: what differs, curves, samples of the same prompts'
complete -c visiontrain -n '__visiontrain_at compare 1' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__visiontrain_at compare more' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l html -r
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l help
complete -c visiontrain -n __visiontrain_none -f -a publish -d 'give a LoRA to others: to a Hugging Face hub, or as a kit for Civitai'
complete -c visiontrain -n '__visiontrain_at publish 1' -f -a 'hub kit'
complete -c visiontrain -n '__visiontrain_at publish more' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l repo -r
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l public
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l dry-run
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l to -r
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l help
complete -c visiontrain -n __visiontrain_none -f -a fetch -d 'bring runs home from other machines, every file checked'
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l checkpoints
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l help
complete -c visiontrain -n __visiontrain_none -f -a queue -d 'runs that wait for a card: list, add, remove, hold, release, move, run; and sweeps over settings'
complete -c visiontrain -n '__visiontrain_at queue 1' -f -a 'add hold list move release remove run'
complete -c visiontrain -n '__visiontrain_at queue more' -f -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l set -x -k -a '(__visiontrain_keys)'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l preset -x -k -a '(__visiontrain_presets)'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l name -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l sweep -x -k -a '(__visiontrain_keys)'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l random -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l search -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l measure -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l devices -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l list -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l after -x -k -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l on -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l slurm -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l dry-run
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l help
complete -c visiontrain -n __visiontrain_none -f -a slurm -d 'what a job of Slurm runs: run --on slurm writes it into the job script'
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l help
complete -c visiontrain -n __visiontrain_none -f -a setup -d 'make the Python environment that trains, and prove the card'
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l force
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l torch -r
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l captions -r
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l heif
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l wandb
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l trackio
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l optuna
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l wheels -r
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l plan
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l list -r
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l remove
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l help
complete -c visiontrain -n __visiontrain_none -f -a doctor -d 'is this machine fit to train, and if not, what to type'
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l bundle
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l help
complete -c visiontrain -n __visiontrain_none -f -a notify -d 'how you are told of your runs: terminal, desktop, Discord, Slack, ntfy, a web hook'
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l test
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l help
complete -c visiontrain -n __visiontrain_none -f -a hosts -d 'other machines that train for you, by SSH: list, add, remove, check'
complete -c visiontrain -n '__visiontrain_at hosts 1' -f -a 'add list check remove'
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l port -r
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l identity -r
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l jump -r
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l home -r
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l help
complete -c visiontrain -n __visiontrain_none -f -a models -d 'base models: list, info, pull, verify, add, rm, check'
complete -c visiontrain -n '__visiontrain_at models 1' -f -a 'list info pull verify add rm check'
complete -c visiontrain -n '__visiontrain_at models more' -f -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l sha256 -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l size -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l mirror -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l token-env -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l output -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l connections -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l limit-rate -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l id -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l title -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l like -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l prediction -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l family -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l partials
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l force
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l help
complete -c visiontrain -n __visiontrain_none -f -a dataset -d 'check: what is in a folder of pictures; caption: write captions for it, edit them, undo; tags: what its captions say; mask: find the subject, faces, text'
complete -c visiontrain -n '__visiontrain_at dataset 1' -f -a 'check caption tags mask'
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l captions -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l caption-from -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l include -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l write -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l for -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l goal -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l html -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l trigger -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l tagger -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l captioner -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l threshold -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l character-threshold -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l exclude -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l length -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l endpoint -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l model -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l prompt -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l key-env -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l find -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l device -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l from -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l preview
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l editor
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l write-files
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l help
complete -c visiontrain -n __visiontrain_none -f -a lora -d 'LoRA files of any trainer: inspect, check, diff, edit, resize, merge, convert'
complete -c visiontrain -n '__visiontrain_at lora 1' -f -a 'inspect check diff edit resize merge convert'
complete -c visiontrain -n '__visiontrain_at lora more' -f -k -a '(__fish_complete_suffix .safetensors)'
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l base -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l into -x -k -a '(__visiontrain_bases)'
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l output -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l rank -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l keep -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l by -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l to -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l precision -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l in-place
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l title -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l author -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l description -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l license -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l tags -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l usage-hint -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l trigger -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l thumbnail -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l help
complete -c visiontrain -n __visiontrain_none -f -a explain -d 'what a word of training means; `explain agents`: how a program drives all this'
complete -c visiontrain -n '__visiontrain_at explain 1' -f -k -a '(__visiontrain_keys)'
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l help
complete -c visiontrain -n __visiontrain_none -f -a schema -d 'print the JSON Schema of run.yaml, or of what a command prints with --json'
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l help
complete -c visiontrain -n __visiontrain_none -f -a completion -d 'print the completion script for bash, zsh or fish'
complete -c visiontrain -n '__visiontrain_at completion 1' -f -a 'bash zsh fish'
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l help
complete -c visiontrain -n __visiontrain_none -f -a config -d 'where settings and folders come from'
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l workspace -r
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l help

# Completion of visiontrain for fish.
function __visiontrain_runs
  set -l home $VISIONTRAIN_HOME
  test -n "$home"; or set home (test -n "$XDG_DATA_HOME"; and echo $XDG_DATA_HOME; or echo $HOME/.local/share)/visiontrain
  command ls $home/runs 2>/dev/null
end
complete -c visiontrain -n __fish_use_subcommand -f -a new -d 'the wizard: from a folder of pictures to run.yaml, and start'
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l easy
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l advanced
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l from
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l base
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l preset
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l output
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from new' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a run -d 'train what a run.yaml says, or again what is in a bundle: check, fetch, train, show'
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l pictures
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l set
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l preset
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l name
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l foreground
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l node
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l rendezvous
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l no-notify
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l dry-run
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l on
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l slurm
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l torch
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from run' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a preset -d 'settings of your own to start from: list, save, show, diff, rm'
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -f -a 'list save show diff rm'
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l about
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l replace
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l base
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from preset' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a demo -d 'the whole job on the embedded tiny model, on the CPU'
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from demo' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a ps -d 'live and past runs'
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from ps' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a status -d 'where a run is, or how it ended'
complete -c visiontrain -n '__fish_seen_subcommand_from status' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from status' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a attach -d 'watch a run; leaving changes nothing for it'
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l readonly
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from attach' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a logs -d 'what the trainer printed'
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l follow
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from logs' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a stop -d 'end a run after this step, with a checkpoint'
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l now
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from stop' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a resume -d 'go on with a run that was stopped, failed or died'
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l foreground
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l node
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l rendezvous
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l no-notify
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l dataset
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from resume' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a verify -d 'train a finished run again: are the bytes the same?'
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from verify' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a judge -d 'which checkpoint is best: a table of all beside the base model, and a sentence of advice'
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l steps
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l strength
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l seeds
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l trigger
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l likeness
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l fit
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l export
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l detach
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l show
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l stop
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from judge' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a sample -d 'draw pictures with LoRA files of any trainer, or with the checkpoints of a run, side by side'
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l lora
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l prompt
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l prompts
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l negative
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l step
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l strength
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l seed
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l steps
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l guidance
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l size
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l sampler
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l spacing
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l base
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l grid
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l precision
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l device
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l output
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from sample' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a export -d 'write the LoRA of a checkpoint, also of a live run; all of a run as a bundle; a job of Slurm or SkyPilot'
complete -c visiontrain -n '__fish_seen_subcommand_from export' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l step
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l best
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l by
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l last
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l average
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l precision
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l to
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l diffusers
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l bundle
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l images
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l weights
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l set
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l name
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l slurm
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from export' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a report -d 'one HTML page of a run: did it learn, samples, curves, settings'
complete -c visiontrain -n '__fish_seen_subcommand_from report' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l output
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l no-thumbnails
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l serve
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l port
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from report' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a compare -d 'runs, or all of a sweep, beside each other: what differs, curves, samples of the same prompts'
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -f -a '(__visiontrain_runs)'
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l html
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from compare' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a publish -d 'give a LoRA to others: to a Hugging Face hub, or as a kit for Civitai'
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -f -a 'hub kit'
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l repo
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l public
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l dry-run
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l to
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from publish' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a fetch -d 'bring runs home from other machines, every file checked'
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l checkpoints
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from fetch' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a queue -d 'runs that wait for a card: list, add, remove, hold, release, move, run; and sweeps over settings'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -f -a 'add hold list move release remove run'
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l set
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l preset
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l name
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l sweep
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l random
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l search
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l measure
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l list
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l after
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l on
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l slurm
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l dry-run
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l send-pictures
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l allow-hooks
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from queue' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a slurm -d 'what a job of Slurm runs: run --on slurm writes it into the job script'
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from slurm' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a setup -d 'make the Python environment that trains, and prove the card'
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l force
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l torch
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l captions
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l heif
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l wandb
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l trackio
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l optuna
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l wheels
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l plan
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l list
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l remove
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from setup' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a doctor -d 'is this machine fit to train, and if not, what to type'
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l bundle
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from doctor' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a notify -d 'how you are told of your runs: terminal, desktop, Discord, Slack, ntfy, a web hook'
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l test
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from notify' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a hosts -d 'other machines that train for you, by SSH: list, add, remove, check'
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l port
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l identity
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l jump
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l home
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from hosts' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a models -d 'base models: list, info, pull, verify, add, rm, check'
complete -c visiontrain -n '__fish_seen_subcommand_from models' -f -a 'list info pull verify add rm check'
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l sha256
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l size
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l mirror
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l token-env
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l output
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l connections
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l limit-rate
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l accept-license
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l id
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l title
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l like
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l prediction
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l family
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l partials
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l force
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from models' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a dataset -d 'check: what is in a folder of pictures; caption: write captions for it, edit them, undo; tags: what its captions say; mask: find the subject, faces, text'
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -f -a 'check caption tags mask'
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l captions
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l caption-from
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l include
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l write
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l for
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l goal
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l html
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l trigger
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l tagger
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l captioner
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l threshold
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l character-threshold
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l exclude
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l length
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l endpoint
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l model
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l prompt
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l key-env
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l all
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l find
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l device
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l from
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l preview
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l editor
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l write-files
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from dataset' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a lora -d 'LoRA files of any trainer: inspect, check, diff, edit, resize, merge, convert'
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -f -a 'inspect check diff edit resize merge convert'
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l base
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l into
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l output
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l rank
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l keep
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l by
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l to
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l precision
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l in-place
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l title
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l author
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l description
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l license
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l tags
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l usage-hint
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l trigger
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l thumbnail
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from lora' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a explain -d 'what a word of training means; `explain agents`: how a program drives all this'
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from explain' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a schema -d 'print the JSON Schema of run.yaml, or of what a command prints with --json'
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from schema' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a completion -d 'print the completion script for bash, zsh or fish'
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from completion' -l help
complete -c visiontrain -n __fish_use_subcommand -f -a config -d 'where settings and folders come from'
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l json
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l plain
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l no-input
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l yes
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l workspace
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l debug
complete -c visiontrain -n '__fish_seen_subcommand_from config' -l help

#!/usr/bin/env bash
# All that is to be known of a card, in at most 12 minutes, written to bench/results/:
#
#   bench/gpu.sh [--cpu] [--out FILE] [--work FOLDER]
#
#   PYTHON       the Python with the trainer's packages and pytest (python3)
#   PYTEST_PATH  a folder with pytest, where that Python has none
#   EXAMPLE      train_text_to_image_lora_sdxl.py of diffusers' examples, where it is to be compared
#   SD_SCRIPTS   the folder of sd-scripts, likewise; SD_PATH its pinned libraries
#
# The order is that of worth: what runs out of time is the comparison with others. Each part has a limit of its own and
# none of them ends the script; a part that failed is named at the end, and then the exit code is 1. --cpu takes tiny
# models on the processor: it shows that every part runs, and nothing about speed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
python=${PYTHON:-python3} budget=${BUDGET_SECONDS:-720} cpu=() out= work=
while [ $# -gt 0 ]; do
  case $1 in
    --cpu) cpu=(--cpu) ;;
    --out) out=$2; shift ;;
    --work) work=$2; shift ;;
    *) echo "bench/gpu.sh: unknown word $1" >&2; exit 2 ;;
  esac
  shift
done
kind=$([ ${#cpu[@]} -gt 0 ] && echo cpu || echo card)
out=${out:-bench/results/gpu-$kind-$(date +%Y-%m-%d).txt}
own=
[ -n "$work" ] || { work=$(mktemp -d) || exit 1; own=$work; }
trap '[ -z "$own" ] || rm -rf "$own"' EXIT
started=$SECONDS failed=()
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
export PYTHONPATH="$PWD/trainer${PYTEST_PATH:+:$PYTEST_PATH}${PYTHONPATH:+:$PYTHONPATH}"

tell() { printf '%s\n' "$*" | tee -a "$out"; }

# part NAME SECONDS COMMAND…: runs the command for at most its own limit and what is left of all.
part() {
  local name=$1 limit=$2 left=$((budget - (SECONDS - started))) began=$SECONDS code
  shift 2
  [ "$limit" -le "$left" ] || limit=$left
  tell ""
  tell "== $name"
  if [ "$limit" -lt 5 ]; then
    tell "left out: no time is left"
    failed+=("$name (no time)")
    return
  fi
  timeout -k 5 "$limit" "$@" 2>&1 | tee -a "$out"
  code=${PIPESTATUS[0]}
  tell "-- $((SECONDS - began)) s, exit code $code"
  [ "$code" -eq 0 ] || failed+=("$name (exit code $code)")
}

mkdir -p "$(dirname "$out")" || exit 1
: > "$out" || exit 1
tell "\$ bench/gpu.sh${cpu[*]:+ ${cpu[*]}}    $(date -u +%Y-%m-%dT%H:%MZ), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit known')"
[ $kind = cpu ] || tell "$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1)"

part 'tests that need a card' 180 env VISIONTRAIN_TEST_CARD="$([ $kind = cpu ] || echo 0)" \
  "$python" -m pytest -q -p no:cacheprovider --rootdir trainer -c trainer/pyproject.toml trainer/tests/run/test_gpu.py

steps=20 side=1024
names='batch 1;batch 4;batch 4, plain GEGLU;batch 4, strict;batch 1, strict'
for batch in 1 4; do
  for packing in fp8 int8 nf4; do names+=";batch $batch, base in $packing"; done
done
names+=';batch 1, streamed base;batch 4, selective checkpointing'
[ $kind = card ] || { steps=1 side=64 names='batch 1;batch 4, plain GEGLU;batch 1, base in nf4'; }
part 'steps: precisions of the base, strict mode, fused and plain GEGLU' 330 \
  "$python" bench/trainer/gpu.py "$work" "${cpu[@]}" --side "$side" --steps "$steps" --only "$names"

part 'peaks against counts, at the sizes of cards' 150 "$python" bench/trainer/card_sizes.py "$work" "${cpu[@]}"

others=(--batch 1 --steps 12 --limit 75)
[ $kind = card ] || others=(--batch 1 --steps 4 --limit 60 --side 64)
part 'visiontrain, sd-scripts and the example of diffusers, in turn' 240 \
  "$python" bench/trainer/gpu_others.py "$work" "${cpu[@]}" "${others[@]}" \
  ${EXAMPLE:+--example "$EXAMPLE"} ${SD_SCRIPTS:+--sd-scripts "$SD_SCRIPTS"} ${SD_PATH:+--sd-path "$SD_PATH"}

tell ""
if [ ${#failed[@]} -gt 0 ]; then
  tell "$((SECONDS - started)) s in all; not as it should be: $(IFS=';'; echo "${failed[*]}")"
  exit 1
fi
tell "$((SECONDS - started)) s in all; every part ran."

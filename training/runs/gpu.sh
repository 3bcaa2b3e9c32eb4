#!/usr/bin/env bash
# On a machine with CUDA GPUs: measures every stage for the shapes of `paper` and `compact`, then trains.
#   training/runs/gpu.sh DATA [RUN] [PRESET]
# Run again, it goes on where it stopped.
# Measures (images/s, share of the measured matrix-product peak, peak memory a stage) go to RUN/gpu-steps.jsonl,
# the log to RUN/gpu.log. All GPUs of the machine train; PROCESSES=1 takes one.
set -euo pipefail
data=$(realpath "${1:?usage: gpu.sh DATA [RUN] [PRESET]}")
root=$(cd "$(dirname "$0")/../.." && pwd)
run=$(realpath -m "${2:-$root/runs/gpu}")
preset=${3:-compact}
cd "$root"
. training/runs/setup.sh
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
  { echo "gpu.sh: PyTorch sees no CUDA GPU" >&2; exit 1; }
processes=${PROCESSES:-$(nvidia-smi --list-gpus | wc -l)}
mkdir -p "$run"
train=(all --preset "$preset" --data "$data" --run "$run" --words "models/$(cat models/default)/lexicon.txt"
  --threads "${THREADS:-$(($(nproc) / processes))}")
launch=("$python")
[ "$processes" = 1 ] ||
  launch=("$python" -m torch.distributed.run --standalone --nproc-per-node "$processes")
# The trunk of `compact` has been trained on ImageNet; the paper's words learn no properties.
skip=$([ "$preset" = compact ] && echo stage1, || echo properties,)
{
  date -Is
  git rev-parse HEAD || true
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv
  if [ ! -s "$run/gpu-steps.jsonl" ]; then
    for shapes in paper compact; do
      for precision in float32 bf16; do
        "$python" -m groundwire_training.measure_step --preset "$shapes" --precision "$precision"
      done
    done | tee "$run/gpu-steps.partial" && mv "$run/gpu-steps.partial" "$run/gpu-steps.jsonl"
  fi
  # What runs in one process comes first: the others would wait for it.
  "$python" -m groundwire_training "${train[@]}" --skip stage1,stage2,stage3,stage4,export,properties,evaluate
  "${launch[@]}" -m groundwire_training "${train[@]}" --skip "${skip}export,properties,evaluate"
  "$python" -m groundwire_training "${train[@]}" --skip "$skip"
  date -Is
} 2>&1 | tee -a "$run/gpu.log"

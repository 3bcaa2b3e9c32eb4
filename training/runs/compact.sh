#!/usr/bin/env bash
# Trains, exports and measures the shipped bundle from the data at hand. Detach it: hours on two cores.
# Run again, it goes on where it stopped.
#   training/runs/compact.sh DATA [RUN]
set -euo pipefail
data=$(realpath "${1:?usage: compact.sh DATA [RUN]}")
root=$(cd "$(dirname "$0")/../.." && pwd)
run=$(realpath -m "${2:-$root/runs/compact}")
cd "$root"
python=${PYTHON:-training/.venv/bin/python}
mkdir -p "$run"
{
  date -Is
  git rev-parse HEAD
  lscpu | grep -E "^(Model name|CPU\(s\))" || uname -a
  "$python" -m groundwire_training all --preset compact --data "$data" --run "$run"
  date -Is
} 2>&1 | tee -a "$run/compact.log"

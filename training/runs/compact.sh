#!/usr/bin/env bash
# Trains, exports and measures the shipped bundle from the data at hand. Detach it: hours on two cores.
# Run again, it goes on where it stopped. THREADS (default 2) sets the CPU threads.
# Plain words are the shipped lexicon; WordNet, which their targets need, and the Python packages are installed where
# they are missing.
#   training/runs/compact.sh DATA [RUN]
set -euo pipefail
data=$(realpath "${1:?usage: compact.sh DATA [RUN]}")
root=$(cd "$(dirname "$0")/../.." && pwd)
run=${2:-$root/runs/compact}
mkdir -p "$run"
run=$(cd "$run" && pwd)
cd "$root"
. training/runs/setup.sh
{
  date -u +%FT%TZ
  git rev-parse HEAD
  lscpu | grep -E "^(Model name|CPU\(s\))" || uname -a
  "$python" -m groundwire_training all --preset compact --data "$data" --run "$run" \
    --words "models/$(cat models/default)/lexicon.txt" --threads "${THREADS:-2}"
  date -u +%FT%TZ
} 2>&1 | tee -a "$run/compact.log"

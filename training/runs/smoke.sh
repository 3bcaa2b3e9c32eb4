#!/usr/bin/env bash
# All stages, export and evaluation in minutes on two cores; the weights mean nothing, every line of the path runs.
#   training/runs/smoke.sh DATA [RUN]
# Serve what it wrote: GROUNDWIRE_MODEL=RUN/bundle npm start
set -euo pipefail
data=$(realpath "${1:?usage: smoke.sh DATA [RUN]}")
root=$(cd "$(dirname "$0")/../.." && pwd)
run=${2:-$root/runs/smoke}
mkdir -p "$run"
run=$(cd "$run" && pwd)
cd "$root"
. training/runs/setup.sh
started=$SECONDS
"$python" -m groundwire_training all --preset smoke --data "$data" --run "$run"
echo "smoke run: $((SECONDS - started)) s, bundle in $run/bundle"

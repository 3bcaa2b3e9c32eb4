#!/usr/bin/env bash
# Trains the shipped model from the data at hand. Detach it: hours on two cores. Run again, it resumes.
#   training/runs/compact.sh DATA [RUN]
set -euo pipefail
data=${1:?usage: compact.sh DATA [RUN]}
here=$(cd "$(dirname "$0")/.." && pwd)
run=${2:-$here/../runs/compact}
python=${PYTHON:-$here/.venv/bin/python}
cd "$here"
"$python" -m groundwire_training stage2 --preset compact --data "$data" --run "$run"

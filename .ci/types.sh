#!/usr/bin/env bash
# mypy over the packages whose parameters and results all have types; its settings are in pyproject.toml. Takes no
# arguments, needs the .venv that `make test` sets up, leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(comfyui_fsampler.fsampler comfyui_fsampler.samplers comfyui_fsampler.tools)

# The checkout itself is the package, and its folder may have any name: mypy runs in an empty folder and finds the
# package through a link of the right name. From inside the checkout `import nodes` would find ours, not ComfyUI's.
checkout=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/path" "$scratch/empty"
ln -s "$checkout" "$scratch/path/comfyui_fsampler"
cd "$scratch/empty"
MYPYPATH=$scratch/path "$checkout/.venv/bin/python" -m mypy --config-file "$checkout/pyproject.toml" \
  --cache-dir "$scratch/cache" "${packages[@]/#/--package=}"

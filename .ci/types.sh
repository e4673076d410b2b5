#!/usr/bin/env bash
# mypy over what is typed. Arguments: none. Needs the .venv that `make test` sets up.
set -euo pipefail
cd "$(dirname "$0")/.."

strict=(comfyui_fsampler.fsampler comfyui_fsampler.samplers)  # mypy --strict
typed=(comfyui_fsampler.tools)                                # every parameter and result has a type: [tool.mypy]

# The checkout itself is the package, and its folder may have any name: mypy runs in an empty folder and finds the
# package through a link of the right name. From inside the checkout `import nodes` would find ours, not ComfyUI's.
checkout=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/path" "$scratch/empty"
ln -s "$checkout" "$scratch/path/comfyui_fsampler"
cd "$scratch/empty"
export MYPYPATH=$scratch/path

check() {
  echo "== mypy $*"
  "$checkout/.venv/bin/python" -m mypy --config-file "$checkout/pyproject.toml" --cache-dir "$scratch/cache" "$@"
}

failed=0
check --strict "${strict[@]/#/--package=}" || failed=1
check "${typed[@]/#/--package=}" || failed=1
exit $failed

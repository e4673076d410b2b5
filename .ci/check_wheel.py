"""Does the wheel hold exactly the packages that pyproject.toml names, the demo's weights, and nothing else?

Usage: check_wheel.py SOURCE WHEEL, with SOURCE a clean copy of the checkout.
"""

import pathlib
import sys
import zipfile

import tomllib


def expected(source):
    """Paths in the wheel of all modules and data files of the listed packages."""
    settings = tomllib.loads((source / "pyproject.toml").read_text())["tool"]["setuptools"]
    paths = set()
    for package in settings["packages"]:
        folder = source.joinpath(*package.split(".")[1:])
        patterns = ["*.py", *settings.get("package-data", {}).get(package, [])]
        files = {file for pattern in patterns for file in folder.glob(pattern)}
        paths |= {"/".join([*package.split("."), file.name]) for file in files}
    return paths


def main(source, wheel):
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = expected(pathlib.Path(source)) | {"comfyui_fsampler/demo/model.safetensors", "comfyui_fsampler/cli.py"}
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    if missing or extra:
        sys.exit(f"check_wheel: missing from the wheel: {missing}; there without being listed: {extra}")
    if any(name.startswith("comfyui_fsampler/tests/") for name in found):
        sys.exit("check_wheel: the wheel holds the tests")
    size = pathlib.Path(wheel).stat().st_size / 1e6
    sys.stdout.write(f"{pathlib.Path(wheel).name}: {len(found)} files, {size:.1f} MB\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

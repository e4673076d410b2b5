"""Does the wheel hold every Python file of its source tree, the data that pyproject.toml names, and nothing else?

Usage: check_wheel.py SOURCE WHEEL, with SOURCE a clean copy of the tree that the wheel was built from.
"""

import pathlib
import sys
import zipfile

import tomllib


def expected(source):
    """Paths in the wheel of all modules and data files of the tree."""
    settings = tomllib.loads((source / "pyproject.toml").read_text())["tool"]["setuptools"]
    ((top, folder),) = settings["package-dir"].items()
    root = source / folder
    files = {file for file in root.rglob("*.py") if "build" not in file.relative_to(root).parts}
    for package, patterns in settings["package-data"].items():
        place = root.joinpath(*package.split(".")[1:])
        for pattern in patterns:
            found = set(place.glob(pattern))
            if not found:
                sys.exit(f"check_wheel: pyproject.toml names {pattern} as data of {package}, and there is none")
            files |= found
    return {f"{top}/{file.relative_to(root).as_posix()}" for file in files}


def main(source, wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    found, wanted = set(names), expected(pathlib.Path(source))
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    if missing or extra:
        sys.exit(f"check_wheel: missing from the wheel: {missing}; there, but not in the tree: {extra}")
    size = pathlib.Path(wheel).stat().st_size / 1e6
    sys.stdout.write(f"{pathlib.Path(wheel).name}: {len(found)} files, {size:.1f} MB\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

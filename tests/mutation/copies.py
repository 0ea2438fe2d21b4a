"""Copies of the checkout, into which probes and faults are put."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDERS: Final = ("src", "tests", "examples", "docs", "deploy", "lint", "benchmarks", "scripts", "templates")
FILES: Final = (
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "Makefile",
    "pyproject.toml",
    "mkdocs.yml",
)


def copy_tree(root: Path, target: Path) -> Path:
    """A copy of the checkout to put faults into.

    Its bytecode is checked by the hash of the source: a fault of the same length, written within the same second as
    the file was, must not be taken for the old text.
    """
    target.mkdir(parents=True)
    for name in (*FOLDERS, *FILES):
        if (root / name).is_dir():
            shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        elif (root / name).exists():
            shutil.copy2(root / name, target / name)
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode=checked-hash", "src"]
    subprocess.run(compiling, cwd=target, check=True)
    return target

"""docs/architecture.md names what is there: the tree, every file, every function and every library."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import ringfence

PACKAGE: Final = Path(ringfence.__file__).parent
ROOT: Final = Path(__file__).parents[1]
PAGE: Final = (ROOT / "docs" / "architecture.md").read_text()
QUOTED: Final = [
    " ".join(one.split()) for one in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
]
PATHS: Final = sorted({text for text in QUOTED if re.fullmatch(r"[\w/.-]+(/|\.(py|md|toml|yaml))", text)})
STEPS: Final = sorted({text for text in QUOTED if re.fullmatch(r"[\w/.-]+\.py: \w+(\.\w+)?", text)})


def shown_tree() -> set[str]:
    """The packages and modules in the tree of the page, as paths inside the package."""
    found: set[str] = set()
    parents: list[str] = []
    for line in PAGE.split("```text\n")[1].split("```")[0].splitlines()[1:]:
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        parents = [*parents[: indent // 2 - 1], name]
        found.add("".join(parents))
    return found


def defined_in(file: Path) -> set[str]:
    """The names that a module defines itself, and those that its classes define: `Cluster`, `Cluster.can`."""
    return set(_defined(ast.parse(file.read_text()).body))


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield name
            case ast.ClassDef(name, body=inside):
                yield name
                yield from (f"{name}.{one}" for one in _defined(inside))
            case ast.Assign(targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(ast.Name(name)):
                yield name


def test_the_tree_shows_every_package_and_every_module_beside_them() -> None:
    packages = {f"{init.parent.relative_to(PACKAGE)}/" for init in PACKAGE.glob("*/**/__init__.py")}
    modules = {file.name for file in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert shown_tree() == packages | modules


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path: str) -> None:
    assert (PACKAGE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_a_name_that_its_file_defines(step: str) -> None:
    path, name = step.split(": ")
    assert name in defined_in(PACKAGE / path)


def test_the_page_leads_through_files_and_functions() -> None:
    assert len(PATHS) > 10
    assert len(STEPS) > 20


def test_the_libraries_are_those_that_the_package_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    needed = {re.split(r"[\[<>=~!; ]", text)[0] for text in (*project["dependencies"], *extras)}
    table = PAGE.split("| library | why |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, flags=re.MULTILINE)) == needed

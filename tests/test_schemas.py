"""The JSON Schemas of the package: they are valid, every example of the documentation has its shape, and so has what
the commands print.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

import ringfence
from ringfence.cli import cli
from tests.render.json_shapes import fits, schema, strict

ROOT = Path(__file__).parents[1]
NAMES = sorted(file.stem for file in (Path(ringfence.__file__).parent / "schemas").glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_names_its_version(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["properties"]["apiVersion"] == {"const": "ringfence/v1"}
    assert schema(name)["title"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("can", "can prod/web prod/db -p 3306"),
        ("can", "can prod/* prod/* -p http -p 3000-4000"),
        ("can", "can 192.168.0.0/16 prod/svc/db"),
        ("can", "can prod/db 192.168.5.0/24"),
        ("can", "can any-pod:prod/* prod/db -p 3306"),
        ("explain", "explain any-pod:*/* any-pod:prod/*"),
        ("explain", "explain prod/web prod/db -p 3306"),
        ("explain", "explain prod/* prod/db"),
        ("explain", "explain prod/api prod/db -p 3306 -p 22"),
        ("connections", "connections"),
        ("connections", "connections --pods -n prod"),
        ("sources", "sources prod/db"),
        ("sources", "sources prod/* -p mysql -p 22"),
        ("destinations", "destinations prod/db"),
        ("destinations", "destinations prod/web -p http"),
        ("sources", "sources any-pod:prod/*"),
        ("sources", "sources prod/db --possible"),
        ("destinations", "destinations prod/* --possible -p 3306"),
        ("isolation", "isolation"),
        ("isolation", "isolation any-pod:prod/*"),
        ("isolation", "isolation prod/db"),
        ("exposure", "exposure"),
        ("exposure", "exposure prod/db"),
        ("validate", "validate -f docs/examples/broken.yaml"),
        ("equivalent", "equivalent examples/three-tier examples/three-tier"),
        ("equivalent", "equivalent examples/and-or/one-peer.yaml examples/shop"),
        ("allows-at-most", "allows-at-most examples/shop examples/admin/no-exception"),
        ("redundant", "redundant -f docs/examples/web-twice.yaml"),
        ("redundant", "redundant -f docs/examples/web-today.yaml"),
        ("lint", "lint -f docs/examples/web-twice.yaml"),
        ("lint", "lint -f docs/examples/service-port.yaml"),
        ("lint", "lint -f docs/examples/broken.yaml"),
        ("diff", "diff docs/examples/shop-before.yaml docs/examples/shop-after.yaml"),
        ("diff", "diff docs/examples/web-before.yaml docs/examples/web-after.yaml"),
        ("diff", "diff docs/examples/migration.yaml --as calico --to-as cilium"),
        ("test", "test docs/examples/three-tier-tests.yaml"),
        ("version", "version"),
    ],
)
def test_what_a_command_prints_has_the_shape(name: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names_its_input = name in ("version", "equivalent", "allows-at-most", "diff")
    words = command.split() if names_its_input else [*command.split(), "-f", "examples/three-tier"]
    printed = CliRunner().invoke(cli, [*words, "-o", "json"]).stdout
    assert fits(json.loads(printed), strict(schema(name)))


def documented() -> Iterator[tuple[str, str]]:
    """The JSON examples of docs/formats.md, each under the heading of its command."""
    for section in re.split(r"^## ", (ROOT / "docs" / "formats.md").read_text(), flags=re.MULTILINE)[1:]:
        commands = re.findall(r"`([a-z]+(?: [a-z]+)?)`", section.splitlines()[0])
        for example in re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL):
            yield commands[0].replace(" ", "-"), example


@pytest.mark.parametrize(("name", "example"), list(documented()))
def test_every_example_of_the_documentation_has_the_shape(name: str, example: str) -> None:
    assert fits({"apiVersion": "ringfence/v1", **json.loads(example)}, strict(schema(name)))


def test_every_schema_is_documented() -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    assert [name for name in NAMES if f"{name}.json" not in text] == []

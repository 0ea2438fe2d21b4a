"""The pictures of the documentation are those that the program draws.

`make pictures` draws them anew.
"""

from pathlib import Path

import pytest

from tests.test_readme import output

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
COMMANDS = {
    "shop-change.svg": "ringfence diff docs/examples/shop-before.yaml docs/examples/shop-after.yaml -o svg",
    "three-tier-map.svg": "ringfence connections -f examples/three-tier -o svg",
    "shop-map.svg": "ringfence connections -f examples/shop -o svg",
    "shop-matrix.svg": "ringfence matrix -f examples/shop -o svg",
}


def drawn(command: str) -> str:
    """The document that a command prints before its messages."""
    return output(command).partition("</svg>\n")[0] + "</svg>\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_picture_is_as_it_is_drawn_now(name: str) -> None:
    assert (PICTURES / name).read_text() == drawn(COMMANDS[name])


def test_all_pictures_are_drawn() -> None:
    assert {path.name for path in PICTURES.iterdir()} == set(COMMANDS)


if __name__ == "__main__":
    for name, command in COMMANDS.items():
        (PICTURES / name).write_text(drawn(command))

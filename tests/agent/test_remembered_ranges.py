"""The file that keeps the pod ranges of a node, and how the agent treats a file that is damaged or not its own."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.running import eventually

from ringfence.agent.log import logging_to
from ringfence.agent.remembered_ranges import MOST_BYTES, RememberedRanges, forget_ranges, read_ranges, write_ranges
from ringfence.agent.settings import Settings
from ringfence.errors import AgentError
from ringfence.model.cidrs import parse_cidr
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

RANGES = Addresses.of(parse_cidr("10.244.1.0/24"), parse_cidr("fd00:10:244:1::/64"))
OTHERS = Addresses.of(parse_cidr("10.244.2.0/24"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ringfence" / "pod-ranges.json"


def put(content: str | bytes, mode: int = 0o600) -> Callable[[Path], None]:
    """Write the file as another program would."""

    def write(file: Path) -> None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)

    return write


def ranges(*cidrs: str, node: str = "n1") -> str:
    return json.dumps({"node": node, "podRanges": cidrs})


class TestFile:
    def test_ranges_that_are_written_are_read_back(self, file: Path) -> None:
        write_ranges(file, "n1", RANGES)
        assert read_ranges(file, "n1") == RANGES
        assert file.stat().st_mode & 0o777 == 0o600
        assert json.loads(file.read_bytes()) == {"node": "n1", "podRanges": ["10.244.1.0/24", "fd00:10:244:1::/64"]}
        write_ranges(file, "n1", OTHERS)
        assert read_ranges(file, "n1") == OTHERS
        assert list(file.parent.iterdir()) == [file]

    def test_a_crash_while_the_file_is_written_leaves_the_old_one(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_ranges(file, "n1", RANGES)

        def crashing(descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", crashing)
            with pytest.raises(OSError, match="Input/output error"):
                write_ranges(file, "n1", OTHERS)
        assert read_ranges(file, "n1") == RANGES
        write_ranges(file, "n1", OTHERS)
        assert read_ranges(file, "n1") == OTHERS

    @pytest.mark.parametrize(
        ("damage", "error"),
        [
            pytest.param(put(""), "not written by an agent", id="empty"),
            pytest.param(put(ranges("10.0.0.0/24")[:20]), "not written by an agent", id="cut off"),
            pytest.param(put(b"\xff\xfe\x00"), "not written by an agent", id="not text"),
            pytest.param(put("[" * 60_000), "not written by an agent", id="deeply nested"),
            pytest.param(put('{"node":"n1"}'), "missing required field `podRanges`", id="without ranges"),
            pytest.param(put('{"node":"n1","podRanges":[7]}'), "Expected `str`", id="numbers"),
            pytest.param(put('{"node":"n1","podRanges":[],"more":1}'), "unknown field `more`", id="unknown fields"),
            pytest.param(put(ranges("10.0.0.0/33")), "10.0.0.0/33", id="not a CIDR"),
            pytest.param(put(ranges("10.0.0.0/24", "0.0.0.0/0")), "too large to be the pod range", id="everything"),
            pytest.param(put(ranges("::/1")), "too large to be the pod range", id="half of IPv6"),
            pytest.param(put(ranges("10.0.0.0/24", node="n2")), "it is about the Node 'n2', not n1", id="another node"),
            pytest.param(put(ranges("10.0.0.0/24"), 0o622), "users other than root can write it", id="open to others"),
            pytest.param(put(" " * (MOST_BYTES + 1)), "more than 64 KiB", id="too large"),
            pytest.param(os.mkfifo, "not a file", id="a pipe"),
            pytest.param(os.mkdir, "", id="a folder"),
            pytest.param(lambda file: file.symlink_to("/dev/zero"), "", id="a link"),
        ],
    )
    def test_a_file_that_an_agent_did_not_write_is_not_used(
        self, file: Path, damage: Callable[[Path], None], error: str
    ) -> None:
        file.parent.mkdir()
        damage(file)
        with pytest.raises((AgentError, OSError)) as raised:
            read_ranges(file, "n1")
        assert error in str(raised.value)
        said = io.StringIO()
        with logging_to(said, as_json=False):
            assert RememberedRanges(file, "n1").recall() == NO_ADDRESSES
        assert "the pod ranges of the last run are not used" in said.getvalue()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_a_file_that_another_user_owns_is_not_used(self, file: Path) -> None:
        write_ranges(file, "n1", RANGES)
        os.chown(file, 65534, 65534)
        with pytest.raises(AgentError, match="users other than root can write it"):
            read_ranges(file, "n1")


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)).map(
        lambda found: json.dumps({"node": "n1", "podRanges": found}).encode()
    )
    | st.lists(st.text("0123456789./:af", max_size=20), max_size=3).map(lambda found: ranges(*found).encode())
)
def test_no_content_of_the_file_does_harm(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("state") / "file"
    put(content)(file)
    with logging_to(io.StringIO(), as_json=False):
        found = RememberedRanges(file, "n1").recall()
    for cidr in found.cidrs():
        assert int(cidr.partition("/")[2]) >= 7, "at most two neighbouring ranges of a node make one"


class TestRemembering:
    def test_the_file_is_written_only_when_the_ranges_change(self, file: Path) -> None:
        memory = RememberedRanges(file, "n1")
        memory.remember(NO_ADDRESSES)
        memory.remember(RANGES)
        eventually(lambda: memory.recall() == RANGES)
        file.unlink()
        memory.remember(RANGES)
        memory.remember(OTHERS)
        eventually(lambda: memory.recall() == OTHERS)

    def test_without_a_file_nothing_is_remembered(self, file: Path) -> None:
        said = io.StringIO()
        with logging_to(said, as_json=False):
            assert RememberedRanges(file, "n1").recall() == NO_ADDRESSES
        assert said.getvalue() == "", "so it is before the first run"

    def test_a_file_that_cannot_be_written_is_reported(self, file: Path) -> None:
        file.parent.write_text("a file where the folder should be")
        said = io.StringIO()
        with logging_to(said, as_json=False):
            RememberedRanges(file, "n1").remember(RANGES)
            eventually(lambda: "the pod ranges cannot be stored" in said.getvalue())

    def test_the_file_is_needed_only_if_the_node_gives_its_ranges(self, file: Path) -> None:
        assert RememberedRanges.of(Settings("n1")) is None
        assert RememberedRanges.of(Settings("n1", state_file=file, pod_ranges=RANGES)) is None
        assert RememberedRanges.of(Settings("n1", state_file=file)) is not None

    def test_the_ranges_are_forgotten_on_request(self, file: Path) -> None:
        write_ranges(file, "n1", RANGES)
        forget_ranges(file)
        forget_ranges(file)
        assert not file.exists()
        file.mkdir()
        with pytest.raises(AgentError, match="it cannot be removed"):
            forget_ranges(file)

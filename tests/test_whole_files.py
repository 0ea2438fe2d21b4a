"""Files that are written as a whole or not at all."""

import os
from pathlib import Path

import pytest

from ringfence.whole_files import write_whole


@pytest.mark.parametrize("rights", [0o600, 0o640, 0o644])
def test_a_file_keeps_its_rights_and_nothing_is_left_beside_it(tmp_path: Path, rights: int) -> None:
    file = tmp_path / "file"
    file.write_text("older")
    file.chmod(rights)
    write_whole(file, "newer\r\n")
    assert file.read_bytes() == b"newer\r\n"
    assert file.stat().st_mode & 0o777 == rights
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("mask", "rights"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_the_rights_that_the_user_gives_to_new_files(tmp_path: Path, mask: int, rights: int) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", "")
        assert os.umask(mask) == mask, "the mask stays as it is"
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == rights


def test_a_device_and_a_pipe_stay_what_they_are(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    write_whole(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("older")
    link = tmp_path / "link"
    link.symlink_to("file")
    write_whole(link, "newer")
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == "newer"


def test_what_cannot_be_written_leaves_the_older_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("older")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "\ud800")
    assert file.read_text() == "older"
    assert list(tmp_path.iterdir()) == [file]

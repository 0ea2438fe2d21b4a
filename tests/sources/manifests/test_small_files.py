"""Files that are read as a whole, up to a number of bytes."""

from pathlib import Path

import pytest

from ringfence.errors import InputError
from ringfence.sources.manifests import read_small_file

MEBIBYTE = 1 << 20


def test_a_file_as_large_as_is_allowed_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * MEBIBYTE)
    assert read_small_file(str(tmp_path / "a"), MEBIBYTE, "baseline") == b"x" * MEBIBYTE


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param(
            "nowhere", "nowhere: the baseline cannot be read: No such file or directory; write one", id="none"
        ),
        pytest.param(
            "a\0b", "the baseline cannot be read: embedded null byte; write one", id="a null byte in its path"
        ),
        pytest.param(
            "/dev/zero", "/dev/zero: larger than 1 MiB, which is not a baseline; write one", id="without an end"
        ),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_path_and_a_remedy(path: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_small_file(path, MEBIBYTE, "baseline", remedy="write one")
    assert str(refused.value).endswith(message)

"""Versions of Kubernetes as people write them."""

import pytest

from ringfence.errors import InputError
from ringfence.model.server_versions import NEWEST, OLDEST, ServerVersion, parse_server_version


@pytest.mark.parametrize("text", ["1.29", "v1.29", "1.29.4", "v1.29.4-eks-a5ec690", "1.29+"])
def test_a_version_is_known_by_its_minor_number(text: str) -> None:
    assert parse_server_version(text) == ServerVersion(29)


@pytest.mark.parametrize("text", ["", "29", "1", "1.x", "2.1", "1.29x"])
def test_another_text_is_not_a_version(text: str) -> None:
    with pytest.raises(InputError, match="is not a version of Kubernetes"):
        parse_server_version(text)


@pytest.mark.parametrize("minor", [OLDEST.minor - 1, NEWEST.minor + 1])
def test_the_message_names_the_versions_whose_rules_are_known(minor: int) -> None:
    with pytest.raises(InputError, match=f"use a version from {OLDEST} to {NEWEST}"):
        parse_server_version(f"1.{minor}")

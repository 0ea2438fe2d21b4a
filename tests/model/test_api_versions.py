"""Which of two API versions is later, as Kubernetes orders them."""

from itertools import combinations

import pytest

from ringfence.model.api_versions import is_later

# The list of the Kubernetes documentation, the latest first.
ORDER = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2"]


def test_versions_are_ordered_as_in_the_documentation_of_kubernetes() -> None:
    assert all(is_later(one, other) and not is_later(other, one) for one, other in combinations(ORDER, 2))


@pytest.mark.parametrize("text", ["v1", "foo10", "", "v1gamma1", "v1alpha", "V2", "v2 ", "v٣"])
def test_the_same_version_and_what_is_no_version_are_not_later(text: str) -> None:
    assert not is_later(text, "v1")
    assert not is_later("v1", text)

"""The cluster that most tests of this folder ask, which is loaded once for each module."""

import pytest
from tests.testing.worlds import three_tier

from ringfence.cluster import Cluster


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return three_tier()

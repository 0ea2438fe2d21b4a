"""The settings that an operator can choose."""

import pytest

from ringfence.agent.settings import ExistingConnections, Mode, Settings, SpoofedSources, UnknownPods
from ringfence.dataplane.program import Logging


@pytest.mark.parametrize(
    ("mode", "choice", "ends"),
    [
        (Mode.ENFORCE, ExistingConnections.END, True),
        (Mode.ENFORCE, ExistingConnections.KEEP, False),
        (Mode.OBSERVE, ExistingConnections.END, False),
        (Mode.OBSERVE, ExistingConnections.KEEP, False),
    ],
)
def test_connections_end_only_while_enforcing(mode: Mode, choice: ExistingConnections, ends: bool) -> None:
    assert Settings("n", mode=mode, existing_connections=choice).ends_connections is ends


def test_observing_drops_nothing() -> None:
    assert Settings("n").reaction.drops
    assert not Settings("n", mode=Mode.OBSERVE).reaction.drops


def test_denied_packets_are_logged_only_if_that_is_chosen() -> None:
    assert Settings("n").reaction.logging is None
    assert Settings("n", log_denied=True, log_group=7, log_rate=3).reaction.logging == Logging(7, 3)


def test_sources_are_checked_unless_spoofed_ones_are_allowed() -> None:
    assert Settings("n").reaction.checks_sources
    assert not Settings("n", spoofed_sources=SpoofedSources.ALLOW).reaction.checks_sources


def test_unknown_pods_are_held_unless_they_are_allowed() -> None:
    assert Settings("n").holds
    assert not Settings("n", unknown_pods=UnknownPods.ALLOW).holds

"""The time account: to whom the time of the loop is charged, and for whom the loop may continue."""

import pytest
from tests.agent.running import Clock

from ringfence.agent.shares import SHARE
from ringfence.agent.time_account import (
    LONGEST_BUILDING,
    LONGEST_BUILDING_ALONE,
    SHORT_BUILDING,
    Building,
    TimeAccount,
)


class Trial:
    """An account, and one round of building."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.account = TimeAccount(self.clock, self.clock)
        self.others_wait = False
        self.building = Building(self.account, lambda namespace: self.others_wait)

    def spend(self, namespace: str, seconds: float) -> None:
        began = self.clock.now
        self.clock.now += seconds
        self.account.charge(namespace, began)

    def build(self, namespace: str, seconds: float) -> bool:
        """Whether something that takes this long may be built."""
        may_build = self.building.may_build(namespace)
        self.clock.now += seconds if may_build else 0.0
        return may_build

    def end_round(self) -> None:
        self.building.end()
        self.account.charge_round(0.0)
        self.building = Building(self.account, lambda namespace: self.others_wait)

    def used(self, namespace: str) -> float:
        return self.account.shares.used(namespace, self.clock.now)


def test_the_time_of_a_round_is_charged_to_the_namespaces_whose_changes_it_enforced() -> None:
    trial = Trial()
    trial.spend("y", 0.01)
    trial.spend("x", 0.03)
    trial.account.charge_round(0.4)
    assert trial.used("x") == pytest.approx(0.33, rel=0.01)
    assert trial.used("y") == pytest.approx(0.11, rel=0.01)
    assert trial.used("z") == 0


def test_a_round_that_loads_large_chains_is_charged_to_the_namespaces_of_these() -> None:
    """A change of another namespace in the same round takes almost no time."""
    trial = Trial()
    trial.spend("y", 0.001)
    trial.account.charge_round(0.4, {"x"})
    assert trial.used("x") == pytest.approx(0.4)
    assert trial.used("y") == pytest.approx(0.001)
    trial.account.charge_round(0.4)
    assert trial.used("y") == pytest.approx(0.001), "what was charged before counts once"


def test_a_round_without_changes_of_a_namespace_is_charged_to_none() -> None:
    trial = Trial()
    trial.spend("x", 0.1)
    trial.account.charge_round(0.1)
    trial.account.charge_round(1.0)
    assert trial.used("x") == pytest.approx(0.2)


def test_time_in_which_the_loop_does_not_work_is_charged_to_no_namespace() -> None:
    """The processor did other work in that time."""
    clock = Clock()
    account = TimeAccount(clock, work=lambda: 7.0)
    began = account.work()
    clock.now += 60
    account.charge("x", began)
    assert account.shares.used("x", clock.now) == 0


def test_a_namespace_that_has_used_less_time_comes_first() -> None:
    trial = Trial()
    trial.spend("x", 1)
    trial.spend("y", 2)
    assert trial.account.has_used_less("x", than="y")
    assert not trial.account.has_used_less("y", than="x")
    assert not trial.account.has_used_less("x", than="x")
    assert trial.account.has_used_less("new", than="x")


def test_building_is_charged_to_the_namespace_it_is_for() -> None:
    trial = Trial()
    assert trial.build("x", 0.03)
    assert trial.build("y", 0.01)
    trial.building.end()
    assert trial.building.seconds == pytest.approx(0.04)
    assert trial.used("x") == pytest.approx(0.03, rel=0.02)
    assert trial.used("y") == pytest.approx(0.01, rel=0.02)


def test_nothing_is_built_for_a_namespace_that_has_used_its_share_while_others_wait() -> None:
    trial = Trial()
    assert trial.build("x", SHARE * 1.5)
    trial.others_wait = True
    assert not trial.build("x", 0.01)
    assert trial.build("y", 0.01)


def test_quick_building_is_done_for_a_namespace_that_has_used_its_share_while_others_wait() -> None:
    """Closing pods and opening them again takes as long."""
    trial = Trial()
    trial.spend("x", SHARE * 1.5)
    trial.others_wait = True
    assert trial.build("x", SHORT_BUILDING / 2)
    assert trial.build("x", SHORT_BUILDING * 2)
    assert not trial.build("x", SHORT_BUILDING / 2)


@pytest.mark.parametrize(
    ("others_wait", "each", "count"),
    [
        pytest.param(False, LONGEST_BUILDING_ALONE * 0.6, 2, id="while nobody does"),
        pytest.param(True, SHORT_BUILDING * 0.9, 1 + LONGEST_BUILDING // (SHORT_BUILDING * 0.9), id="of what is short"),
    ],
)
def test_little_is_built_at_a_time_for_a_namespace_that_has_used_its_share(
    others_wait: bool, each: float, count: int
) -> None:
    trial = Trial()
    trial.others_wait = others_wait
    trial.spend("x", SHARE * 1.5)
    built = [trial.build("x", each) for _ in range(30)]
    assert sum(built) == count
    assert built == sorted(built, reverse=True)
    assert trial.build("y", 0.01)


def test_large_chains_are_loaded_in_other_rounds_than_those_with_changes_of_others() -> None:
    trial = Trial()
    trial.spend("x", SHARE * 1.5)
    loaded = []
    for _ in range(4):
        trial.spend("y", 0.001)
        loaded.append(trial.building.may_load("x"))
        trial.end_round()
    assert loaded == [False, True, False, True]
    trial.others_wait = True
    assert not trial.building.may_load("x")


def test_a_namespace_that_uses_up_its_share_by_building_is_built_no_further() -> None:
    trial = Trial()
    trial.others_wait = True
    assert trial.build("x", SHARE * 1.5)
    assert not trial.build("x", 0.01)


def test_nothing_is_built_for_a_namespace_that_has_used_its_share_in_a_round_for_others() -> None:
    """The next round follows at once and builds in any case: such changes may always exist."""
    trial = Trial()
    trial.spend("x", SHARE * 1.5)
    assert trial.build("x", SHORT_BUILDING * 2)
    trial.end_round()
    built = []
    for _ in range(4):
        trial.spend("y", 0.001)
        built.append(trial.build("x", SHORT_BUILDING * 2))
        trial.end_round()
    assert built == [False, True, False, True]


def test_time_that_was_forgotten_is_charged_to_no_namespace() -> None:
    trial = Trial()
    trial.spend("loud", 3 * SHARE)
    trial.spend("quiet", SHARE / 2)
    trial.account.forget()
    assert not trial.account.is_used_up("loud")
    assert trial.build("loud", 2 * SHARE), "others that were charged before the list was taken in do not come first"
    trial.end_round()
    assert trial.account.is_used_up("loud"), "what is built afterwards is charged"

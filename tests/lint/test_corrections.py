"""The label that was probably meant: the only similar one with which the selector matches."""

import pytest

from ringfence.lint.corrections import correction
from ringfence.model.metadata import LabelSelector, LabelSelectorRequirement
from ringfence.model.selectors import compile_selector

PODS = [{"app": "web", "tier": "front"}, {"app": "db", "tier": "data"}]


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        pytest.param({"app": "wbe"}, "app=web", id="a value"),
        pytest.param({"ap": "web"}, "app=web", id="a key"),
        pytest.param({"app": "web", "tier": "frontt"}, "tier=front", id="one of two labels"),
        pytest.param({"app": "web", "tier": "dat"}, None, id="the other label matches no such pod"),
        pytest.param({"app": "cache"}, None, id="nothing similar"),
    ],
)
def test_correction(labels: dict[str, str], meant: str | None) -> None:
    found = correction(LabelSelector(labels), PODS)
    assert (str(found) if found else None) == meant


def test_none_is_proposed_if_there_are_several() -> None:
    assert correction(LabelSelector({"app": "webs"}), [{"app": "web1"}, {"app": "web2"}]) is None


def test_expressions_count() -> None:
    no_front = LabelSelectorRequirement("tier", "NotIn", ("front",))
    selector = LabelSelector({"app": "wbe"}, (no_front,))
    assert not any(compile_selector(selector).matches(pod) for pod in PODS)
    assert correction(selector, PODS) is None

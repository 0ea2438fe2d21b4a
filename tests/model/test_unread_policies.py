"""Policies that are not read: how they are named, and how much is known of them."""

from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.model.unread_policies import Doubt, UnreadBounds, UnreadPolicy, UnreadSubjects

PLACE = Place("f.yaml", 3)
ONE = (UnreadSubjects(),)


def unread(bounds: UnreadBounds, namespace: str = "x") -> UnreadPolicy:
    return UnreadPolicy("Kind.example.com", namespace, "p", PLACE, bounds)


def test_the_name_has_the_group_and_the_namespace() -> None:
    assert str(unread(UnreadBounds())) == "Kind.example.com x/p"
    assert str(unread(UnreadBounds(), namespace="")) == "Kind.example.com p"


def test_a_policy_without_subjects_is_inert() -> None:
    assert unread(UnreadBounds()).doubt is Doubt.INERT
    assert unread(UnreadBounds({Direction.INGRESS: ()})).doubt is Doubt.INERT


def test_a_policy_with_subjects_has_an_unknown_effect_or_an_unknown_selection() -> None:
    assert unread(UnreadBounds({Direction.INGRESS: ONE})).doubt is Doubt.EFFECT_UNKNOWN
    assert unread(UnreadBounds({Direction.INGRESS: ONE}, is_selection_known=False)).doubt is Doubt.SELECTION_UNKNOWN


def test_only_directions_with_subjects_are_in_doubt() -> None:
    bounds = UnreadBounds({Direction.EGRESS: ONE, Direction.INGRESS: ()})
    assert list(unread(bounds).directions()) == [Direction.EGRESS]

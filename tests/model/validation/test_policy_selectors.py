"""Every check that the API server makes of a selector in a NetworkPolicy."""

from typing import Final

import pytest
from hypothesis import given
from tests.model.policy_trees import Tree, policy_of, selectors, written
from tests.model.validation.network_policy_errors import DIRECTIONS, KEY_RULE, SUBDOMAIN_RULE, VALUE_RULE, at, errors_of

from ringfence.model.selectors import compile_selector
from ringfence.model.validation import network_policy_errors

SELECTORS: Final = (
    pytest.param("{matchLabels: {a: '', example.com/B_b: v-1.x}}", [], id="a value may be empty"),
    pytest.param(
        "{matchLabels: {bad key: v}}",
        [f'matchLabels: Invalid value: "bad key": name part {KEY_RULE}'],
        id="a blank in a key",
    ),
    pytest.param(
        "{matchLabels: {a: x y}}", [f'matchLabels: Invalid value: "x y": {VALUE_RULE}'], id="a blank in a value"
    ),
    pytest.param(
        "{matchLabels: {a: '*'}}", [f'matchLabels: Invalid value: "*": {VALUE_RULE}'], id="there are no wildcards"
    ),
    pytest.param(
        f"{{matchLabels: {{a: {'v' * 64}}}}}",
        [f'matchLabels: Invalid value: "{"v" * 64}": must be no more than 63 bytes'],
        id="a value of 64 bytes",
    ),
    pytest.param(
        f"{{matchLabels: {{a: {'é' * 32}}}}}",
        [
            f'matchLabels: Invalid value: "{"é" * 32}": must be no more than 63 bytes',
            f'matchLabels: Invalid value: "{"é" * 32}": {VALUE_RULE}',
        ],
        id="lengths are of bytes, not of characters",
    ),
    pytest.param(
        f"{{matchLabels: {{{'k' * 64}: v}}}}",
        [f'matchLabels: Invalid value: "{"k" * 64}": name part must be no more than 63 bytes'],
        id="a key's name of 64 bytes",
    ),
    pytest.param(
        "{matchLabels: {'': v}}",
        [
            'matchLabels: Invalid value: "": name part must be non-empty',
            f'matchLabels: Invalid value: "": name part {KEY_RULE}',
        ],
        id="no key",
    ),
    pytest.param(
        "{matchLabels: {a/: v}}",
        [
            'matchLabels: Invalid value: "a/": name part must be non-empty',
            f'matchLabels: Invalid value: "a/": name part {KEY_RULE}',
        ],
        id="a prefix without a name",
    ),
    pytest.param(
        "{matchLabels: {/b: v}}",
        ['matchLabels: Invalid value: "/b": prefix part must be non-empty'],
        id="a slash without a prefix",
    ),
    pytest.param(
        "{matchLabels: {-x/y: v}}",
        [f'matchLabels: Invalid value: "-x/y": prefix part {SUBDOMAIN_RULE}'],
        id="a prefix that is no subdomain",
    ),
    pytest.param(
        f"{{matchLabels: {{{'P' * 254}/y: v}}}}",
        [
            f'matchLabels: Invalid value: "{"P" * 254}/y": prefix part must be no more than 253 bytes',
            f'matchLabels: Invalid value: "{"P" * 254}/y": prefix part {SUBDOMAIN_RULE}',
        ],
        id="a prefix that is too long as well",
    ),
    pytest.param(
        "{matchLabels: {a/b/c: v}}",
        [
            f'matchLabels: Invalid value: "a/b/c": a valid label key {KEY_RULE} with an optional DNS subdomain prefix '
            "and '/' (e.g. 'example.com/MyName')"
        ],
        id="two slashes",
    ),
    pytest.param(
        "{matchLabels: {a: x y, b: x y}}",
        [f'matchLabels: Invalid value: "x y": {VALUE_RULE}'],
        id="what was said is not said again",
    ),
    pytest.param("{matchExpressions: [{key: a, operator: In, values: ['', x]}]}", [], id="In with values"),
    pytest.param("{matchExpressions: [{key: a, operator: DoesNotExist}]}", [], id="DoesNotExist without values"),
    pytest.param(
        "{matchExpressions: [{key: a, operator: In}, {key: a, operator: NotIn, values: []}]}",
        [
            f"matchExpressions[{i}].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
            for i in (0, 1)
        ],
        id="In and NotIn without values",
    ),
    pytest.param(
        "{matchExpressions: [{key: a, operator: Exists, values: [x]}, {key: a, operator: DoesNotExist, values: ['']}]}",
        [
            f"matchExpressions[{i}].values: Forbidden: "
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            for i in (0, 1)
        ],
        id="Exists and DoesNotExist with values",
    ),
    pytest.param(
        "{matchExpressions: [{key: a, operator: in, values: [x]}, {key: a, operator: Gt, values: ['1']}, {key: a}]}",
        [
            'matchExpressions[0].operator: Invalid value: "in": not a valid selector operator',
            'matchExpressions[1].operator: Invalid value: "Gt": not a valid selector operator',
            'matchExpressions[2].operator: Invalid value: "": not a valid selector operator',
        ],
        id="operators that do not exist",
    ),
    pytest.param(
        "{matchLabels: {a: /}, matchExpressions: [{key: bad key, operator: In, values: [x, x y]}]}",
        [
            f'matchLabels: Invalid value: "/": {VALUE_RULE}',
            f'matchExpressions[0].key: Invalid value: "bad key": name part {KEY_RULE}',
            f'matchExpressions[0].values[1]: Invalid value: "x y": {VALUE_RULE}',
        ],
        id="labels first, then each expression's key, then its values",
    ),
)


@pytest.mark.parametrize(("selector", "complaints"), SELECTORS)
def test_the_selector_of_the_subject(selector: str, complaints: list[str]) -> None:
    assert errors_of(written(f"podSelector: {selector}")) == at("spec.podSelector", complaints)


@pytest.mark.parametrize(("direction", "peers"), DIRECTIONS)
@pytest.mark.parametrize("field", ["podSelector", "namespaceSelector"])
@pytest.mark.parametrize(("selector", "complaints"), SELECTORS)
def test_the_selectors_of_peers(selector: str, complaints: list[str], field: str, direction: str, peers: str) -> None:
    policy = written(f"{direction}: [{{{peers}: [{{{field}: {selector}}}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].{peers}[0].{field}", complaints)


@given(selectors)
def test_a_selector_without_errors_compiles(tree: Tree) -> None:
    policy = policy_of({"podSelector": tree})
    if not network_policy_errors(policy):
        compile_selector(policy.spec.pod_selector)

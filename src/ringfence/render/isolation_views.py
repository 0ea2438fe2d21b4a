"""The policies that isolate each workload, and the administrators' policies that select it, in every format
(docs/formats.md).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ringfence.analysis.lists import Isolated, IsolationList, NamedPolicy, TierPolicy
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.problems import Problem
from ringfence.render.ends import end_json
from ringfence.render.formats import Json, csv_text, document_json, markdown_table, table
from ringfence.render.places import place_json
from ringfence.render.problems import problem_json
from ringfence.render.tier_stories import action_text

_COLUMNS: Final = ("workload", "ingress", "egress")
_TIER_COLUMNS: Final = tuple(f"{tier.value.lower()} {side}" for tier in PolicyTier for side in ("ingress", "egress"))
_NOT_ASKED: Final = "not asked"
"""The cell of the Baseline tier if a NetworkPolicy isolates the workload, and so decides before that tier."""

_TierText = Callable[[Sequence[TierPolicy]], str]


def isolation_table(rows: Iterable[Isolated]) -> str:
    """A table in the style of kubectl; of the administrators' policies, only what their rules do."""
    return _table(rows, _actions_text)


def isolation_wide(rows: Iterable[Isolated]) -> str:
    """The same table with the names of the administrators' policies."""
    return _table(rows, _policies_text)


def isolation_csv(rows: Iterable[Isolated]) -> str:
    """CSV with a header line, which always has all columns."""
    return csv_text([(*_COLUMNS, *_TIER_COLUMNS), *(_cells(row) + _tier_cells(row, _policies_text) for row in rows)])


def isolation_markdown(rows: Iterable[Isolated]) -> str:
    """A Markdown table."""
    return markdown_table(*_columns_in_use(list(rows), _policies_text))


ISOLATION_FORMATS: Final[dict[str, Callable[[Iterable[Isolated]], str]]] = {
    "table": isolation_table,
    "wide": isolation_wide,
    "csv": isolation_csv,
    "markdown": isolation_markdown,
}
"""The views that are written as a whole, by the name of the format."""


def isolation_json(
    found: IsolationList,
    rows: Iterable[Isolated],
    problems: Iterable[Problem] = (),
    plugin: Json | None = None,
    assumptions: Iterable[str] = (),
) -> str:
    """JSON: some of the rows, the totals of all, the policies that select nobody, and the problems of the input.

    With a network plugin, which of its traits change the list, and what is assumed about it.
    """
    return document_json(
        {
            "isolation": [_row_json(row) for row in rows],
            "totals": _totals(found.rows),
            "selectNobody": [_policy_json(policy) for policy in found.idle],
            **({"plugin": plugin} if plugin is not None else {}),
            "assumptions": [*found.assumptions, *assumptions],
            "problems": [problem_json(problem) for problem in problems],
        }
    )


def totals_text(rows: Sequence[Isolated]) -> str:
    """How many are isolated: `4 workloads: 1 isolated for ingress, 1 for egress, 3 in neither direction`.

    If there are any, a second line says how many the administrators' policies select.
    """
    totals = _totals(rows)
    text = (
        f"{totals['listed']} workload{'' if totals['listed'] == 1 else 's'}: {totals['ingress']} isolated for ingress, "
        f"{totals['egress']} for egress, {totals['neither']} in neither direction"
    )
    if totals["admin"] or totals["baseline"]:
        text += f"\nAdmin policies select {totals['admin']} of them, Baseline policies {totals['baseline']}"
    return text


def idle_text(policy: NamedPolicy) -> str:
    """That a policy selects nobody, and where it is written."""
    name = str(policy) if policy.namespace else f"{policy.kind} {policy}"
    return f"{name} selects no pod" + (f" ({policy.place})" if policy.place else "")


def _totals(rows: Sequence[Isolated]) -> dict[str, int]:
    return {
        "listed": len(rows),
        "ingress": sum(bool(row.ingress) for row in rows),
        "egress": sum(bool(row.egress) for row in rows),
        "neither": sum(not row.ingress and not row.egress for row in rows),
        "admin": sum(_is_selected(row, PolicyTier.ADMIN) for row in rows),
        "baseline": sum(_is_selected(row, PolicyTier.BASELINE) for row in rows),
    }


def _is_selected(row: Isolated, tier: PolicyTier) -> bool:
    return any(one.tier == tier for one in (*row.ingress_tiers, *row.egress_tiers))


# --- cells ------------------------------------------------------------------------------------------------------------


def _table(rows: Iterable[Isolated], text: _TierText) -> str:
    header, cells = _columns_in_use(list(rows), text)
    return table([column.upper() for column in header], cells)


def _columns_in_use(rows: Sequence[Isolated], text: _TierText) -> tuple[list[str], list[tuple[str, ...]]]:
    """The columns with their cells; those of the tiers only if some workload has something in them."""
    in_tiers = [_tier_cells(row, text) for row in rows]
    used = [number for number in range(len(_TIER_COLUMNS)) if any(cells[number] for cells in in_tiers)]
    header = [*_COLUMNS, *(_TIER_COLUMNS[number] for number in used)]
    rest = (tuple(cells[number] or "-" for number in used) for cells in in_tiers)
    return header, [_cells(row) + more for row, more in zip(rows, rest, strict=True)]


def _cells(row: Isolated) -> tuple[str, ...]:
    otherwise = "node's network" if row.exempt else "not isolated"
    return (
        str(row.reference),
        ", ".join(map(str, row.ingress)) or otherwise,
        ", ".join(map(str, row.egress)) or otherwise,
    )


def _tier_cells(row: Isolated, text: _TierText) -> tuple[str, ...]:
    sides = ((row.ingress_tiers, row.ingress), (row.egress_tiers, row.egress))
    return tuple(_tier_cell(tier, policies, isolating, text) for tier in PolicyTier for policies, isolating in sides)


def _tier_cell(
    tier: PolicyTier, policies: Iterable[TierPolicy], isolating: Sequence[NamedPolicy], text: _TierText
) -> str:
    of_tier = [one for one in policies if one.tier == tier]
    return _NOT_ASKED if of_tier and tier is PolicyTier.BASELINE and isolating else text(of_tier)


def _actions_text(policies: Sequence[TierPolicy]) -> str:
    return ", ".join(dict.fromkeys(word for one in policies for word in _actions(one)))


def _policies_text(policies: Sequence[TierPolicy]) -> str:
    return "; ".join(f"{one.policy}: {', '.join(_actions(one))}" for one in policies)


def _actions(policy: TierPolicy) -> list[str]:
    return [action_text(action, policy.policy.kind) for action in policy.actions]


# --- JSON -------------------------------------------------------------------------------------------------------------


def _row_json(row: Isolated) -> Json:
    written: Json = {"workload": end_json(row.reference)}
    if row.exempt:
        written["exempt"] = row.exempt
    return written | {
        "ingress": _side_json(row.ingress, row.ingress_tiers),
        "egress": _side_json(row.egress, row.egress_tiers),
    }


def _side_json(isolating: Sequence[NamedPolicy], in_tiers: Sequence[TierPolicy]) -> Json:
    return {
        "isolated": bool(isolating),
        "policies": [_policy_json(policy) for policy in isolating],
        "tiers": [
            {
                **_policy_json(one.policy),
                "tier": one.tier,
                "priority": one.priority,
                "actions": _actions(one),
                "asked": not (one.tier == PolicyTier.BASELINE and isolating),
            }
            for one in in_tiers
        ],
    }


def _policy_json(policy: NamedPolicy) -> Json:
    kind = {} if policy.namespace else {"kind": policy.kind}
    return {"namespace": policy.namespace, "name": policy.name, **kind, **place_json(policy.place)}

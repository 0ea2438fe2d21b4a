"""What a network plugin changes for the policies of the input, as text and as JSON."""

from collections.abc import Iterator, Sequence

from ringfence.analysis.differences import AffectingTrait, ChangedConnections, ConnectionChange
from ringfence.engine.population import Reference
from ringfence.model.more import more_of
from ringfence.plugins import PluginTraits
from ringfence.render.ends import end_json, traffic_json
from ringfence.render.formats import Json, one_line
from ringfence.render.places import place_json
from ringfence.render.plugin_views import named_plugin_json, trait_json, trait_text
from ringfence.sets.addresses import Addresses

_MOST_RULES = 5
_MOST_ROWS = 10


def affected_text(plugin: PluginTraits, found: Sequence[AffectingTrait]) -> str:
    """What a plugin changes, with its name; a sentence also if it changes nothing."""
    if not found:
        return f"with {plugin.name}: every policy here means what upstream says"
    lines = affecting_text(found).splitlines()
    return "\n".join([f"with {plugin.name}:", *(f"  {line}" for line in lines)])


def affecting_text(found: Sequence[AffectingTrait]) -> str:
    """Each trait, the rules that it is about, and what it opens (`+`) and closes (`-`)."""
    return "\n".join(one_line(line) for one in found for line in _lines(one))


def _lines(one: AffectingTrait) -> Iterator[str]:
    policies = len({rule.policy for rule in one.rules})
    about = f": {policies} {'policy' if policies == 1 else 'policies'}" if policies else ""
    yield f"{trait_text(one.chosen.trait)}{about}"
    yield from (f"  {rule}" for rule in one.rules[:_MOST_RULES])
    if len(one.rules) > _MOST_RULES:
        yield f"  ... and {more_of(len(one.rules) - _MOST_RULES, 'rule')}"
    for row in one.connections[:_MOST_ROWS]:
        mark = "+" if row.kind is ConnectionChange.OPENED else "-"
        yield f"  {mark} {_ends(row.sources)} -> {_ends(row.destinations)}: {row.traffic}"
    if len(one.connections) > _MOST_ROWS:
        yield f"  ... and {more_of(len(one.connections) - _MOST_ROWS, 'connection')}"
    # Said explicitly: a rule that a plugin treats differently looks like a danger, and often is none.
    if not one.changes_answers:
        yield "  no connection changes"


def _ends(ends: tuple[Reference, ...] | Addresses) -> str:
    return str(ends) if isinstance(ends, Addresses) else ", ".join(map(str, ends))


def affected_json(plugin: PluginTraits, found: Sequence[AffectingTrait]) -> Json:
    """The plugin, and what it changes."""
    return {**named_plugin_json(plugin), "deviations": affecting_json(found)}


def affecting_json(found: Sequence[AffectingTrait]) -> list[Json]:
    """Each trait with its rules and with the connections that it opens and closes."""
    return [
        {
            "trait": trait_json(one.chosen.trait),
            "rules": [
                {
                    "namespace": rule.policy.namespace,
                    "name": rule.policy.name,
                    "direction": rule.direction.field,
                    "index": rule.index,
                    **place_json(rule.place),
                }
                for rule in one.rules
            ],
            "connections": list(map(_connection_json, one.connections)),
            "changesAnswers": one.changes_answers,
        }
        for one in found
    ]


def _connection_json(row: ChangedConnections) -> Json:
    return {
        "change": row.kind.value,
        "sources": _ends_json(row.sources),
        "destinations": _ends_json(row.destinations),
        "traffic": traffic_json(row.traffic),
    }


def _ends_json(ends: tuple[Reference, ...] | Addresses) -> list[Json]:
    return [{"addresses": ends.cidrs()}] if isinstance(ends, Addresses) else list(map(end_json, ends))

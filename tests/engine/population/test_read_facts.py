"""Which facts are read, and for which templates they hold."""

import pytest
from tests.engine.members import member
from tests.semantics.objects import container_port

from ringfence.engine.population.facts import HasLabel, LabelIn
from ringfence.engine.population.identities import Template, template_key
from ringfence.engine.population.pods import Member, NamedPort
from ringfence.engine.population.read_facts import ReadableFact, ReadFacts

APP_WEB, APP_DB = LabelIn("app", frozenset({"web"})), LabelIn("app", frozenset({"db"}))
EITHER, HAS_APP, HTTP = LabelIn("app", frozenset({"web", "db"})), HasLabel("app"), ("http", "TCP")
WEB = member("x/web", {"app": "web"}, ports=[container_port("http", 80)])
DB = member("x/db", {"app": "db", "tier": "data"})
BARE = member("x/bare")


class World:
    def __init__(self, *pods: Member) -> None:
        self.templates: dict[object, Template] = {}
        self.read_facts = ReadFacts(self.templates)
        for pod in pods:
            self.add(pod)

    def add(self, pod: Member) -> Template:
        template = self.templates[template_key(pod)] = Template(template_key(pod), pod)
        self.read_facts.add(template)
        return template

    def of(self, pod: Member) -> Template:
        return self.templates[template_key(pod)]

    def facts(self, pod: Member) -> set[object]:
        return set(self.of(pod).read_facts)


@pytest.fixture
def world() -> World:
    return World(WEB, DB, BARE)


@pytest.mark.parametrize(
    ("fact", "holding"),
    [
        pytest.param(APP_WEB, [WEB], id="a value"),
        pytest.param(EITHER, [WEB, DB], id="one of several values"),
        pytest.param(HAS_APP, [WEB, DB], id="any value"),
        pytest.param(HasLabel("tier"), [DB], id="another label"),
        pytest.param(HTTP, [WEB], id="a port name"),
        pytest.param(("http", "UDP"), [], id="the name under another protocol"),
    ],
)
def test_reading_a_fact_affects_the_templates_for_which_it_holds(
    world: World, fact: ReadableFact, holding: list[Member]
) -> None:
    affected = world.read_facts.start_reading(fact)
    assert set(affected) == {world.of(pod) for pod in holding}
    expected = NamedPort("http", "TCP", 80) if isinstance(fact, tuple) else fact
    for pod in (WEB, DB, BARE):
        assert world.facts(pod) == ({expected} if pod in holding else set())
    assert set(world.read_facts.stop_reading(fact)) == set(affected)
    assert not any(world.facts(pod) for pod in (WEB, DB, BARE))


def test_the_second_reader_of_a_fact_affects_nothing_and_keeps_it_read(world: World) -> None:
    world.read_facts.start_reading(APP_WEB)
    assert not world.read_facts.start_reading(APP_WEB)
    assert not world.read_facts.stop_reading(APP_WEB)
    assert world.facts(WEB) == {APP_WEB}


def test_facts_of_one_label_are_independent(world: World) -> None:
    for fact in (APP_WEB, EITHER, HAS_APP, APP_DB):
        world.read_facts.start_reading(fact)
    assert world.facts(WEB) == {APP_WEB, EITHER, HAS_APP}
    world.read_facts.stop_reading(EITHER)
    assert world.facts(WEB) == {APP_WEB, HAS_APP}
    assert world.facts(DB) == {APP_DB, HAS_APP}


@pytest.mark.parametrize("fact", [APP_WEB, HAS_APP, HTTP])
def test_a_template_that_comes_later_has_the_facts_that_are_read(fact: ReadableFact) -> None:
    world = World(DB)
    world.read_facts.start_reading(fact)
    template = world.add(WEB)
    assert template.read_facts == {NamedPort("http", "TCP", 80) if isinstance(fact, tuple) else fact}
    assert template in world.read_facts.stop_reading(fact)
    assert not template.read_facts


def test_a_removed_template_is_no_longer_affected() -> None:
    world = World(WEB, DB)
    world.read_facts.start_reading(APP_WEB)
    gone = world.templates.pop(template_key(WEB))
    world.read_facts.remove(gone)
    assert not world.read_facts.stop_reading(APP_WEB)
    assert not world.read_facts.start_reading(EITHER) or gone not in world.read_facts.stop_reading(EITHER)


def test_facts_that_are_no_longer_read_leave_nothing_behind() -> None:
    world = World(WEB, DB, BARE)
    facts: list[ReadableFact] = [APP_WEB, EITHER, HAS_APP, HTTP]
    for fact in facts:
        world.read_facts.start_reading(fact)
    for fact in facts:
        world.read_facts.stop_reading(fact)
    kept = {name: value for name, value in vars(world.read_facts).items() if value and name != "_templates"}
    assert kept == {}

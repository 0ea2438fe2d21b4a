"""Which facts are read, and the marks of the templates for which they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member
from tests.semantics.objects import container_port

from ringfence.engine.population import read_facts
from ringfence.engine.population.facts import HasLabel, LabelIn, ReadableFact
from ringfence.engine.population.identities import Template, template_key
from ringfence.engine.population.marks import NO_FACTS, Mark
from ringfence.engine.population.pods import Member
from ringfence.engine.population.read_facts import ReadFacts

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

    def mark(self, pod: Member) -> Mark:
        return self.of(pod).mark

    def start(self, *facts: ReadableFact) -> set[Template]:
        """Start reading; returns the templates for which other facts hold."""
        return set(self.read_facts.start_reading(facts).templates)

    def stop(self, *facts: ReadableFact) -> set[Template]:
        return set(self.read_facts.stop_reading(facts).templates)


@pytest.fixture(autouse=True, params=[0, read_facts.MANY_VALUES], ids=["all have many values", "none has many values"])
def many_values(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts about many values are kept in another way, and mean the same."""
    monkeypatch.setattr(read_facts, "MANY_VALUES", request.param)


@pytest.fixture
def world() -> World:
    return World(WEB, DB, BARE)


HOLDING = [
    pytest.param(APP_WEB, [WEB], id="a value"),
    pytest.param(EITHER, [WEB, DB], id="one of several values"),
    pytest.param(HAS_APP, [WEB, DB], id="any value"),
    pytest.param(HasLabel("tier"), [DB], id="another label"),
    pytest.param(HTTP, [WEB], id="a port name"),
    pytest.param(("http", "UDP"), [], id="the name under another protocol"),
]


@pytest.mark.parametrize(("fact", "holding"), HOLDING)
def test_reading_a_fact_marks_the_templates_for_which_it_holds(
    world: World, fact: ReadableFact, holding: list[Member]
) -> None:
    assert world.start(fact) == {world.of(pod) for pod in holding}
    marks = {world.mark(pod) for pod in holding}
    assert len(marks) <= 1, "the fact is the same for all"
    assert NO_FACTS not in marks
    assert all(world.mark(pod) == NO_FACTS for pod in (WEB, DB, BARE) if pod not in holding)
    assert world.stop(fact) == {world.of(pod) for pod in holding}
    assert not any(map(world.mark, (WEB, DB, BARE)))


@pytest.mark.parametrize(("fact", "holding"), HOLDING)
def test_a_template_that_comes_later_has_the_mark_of_those_that_were_there(
    fact: ReadableFact, holding: list[Member]
) -> None:
    world = World(WEB, BARE)
    world.start(fact)
    before = world.mark(WEB)
    late = world.add(DB)
    assert (late.mark != NO_FACTS) is (DB in holding)
    assert (late.mark == before) is ((DB in holding) == (WEB in holding))
    assert (late in world.stop(fact)) is (DB in holding)
    assert late.mark == NO_FACTS


def test_the_numbers_of_a_port_name_are_different_facts() -> None:
    other = member("x/other", ports=[container_port("http", 81)])
    same = member("x/same", {"app": "x"}, ports=[container_port("http", 80)])
    world = World(WEB, other, same)
    assert world.start(HTTP) == {world.of(WEB), world.of(other), world.of(same)}
    assert world.mark(WEB) == world.mark(same) != world.mark(other)


def test_the_second_reader_of_a_fact_changes_nothing_and_keeps_it_read(world: World) -> None:
    world.start(APP_WEB)
    before = world.mark(WEB)
    assert not world.start(APP_WEB)
    assert not world.stop(APP_WEB)
    assert world.mark(WEB) == before != NO_FACTS


def test_facts_of_one_label_are_independent(world: World) -> None:
    world.start(APP_WEB, HAS_APP, APP_DB)
    before = [world.mark(pod) for pod in (WEB, DB, BARE)]
    assert world.start(EITHER) == {world.of(WEB), world.of(DB)}
    assert world.stop(EITHER) == {world.of(WEB), world.of(DB)}
    assert [world.mark(pod) for pod in (WEB, DB, BARE)] == before
    assert world.stop(HAS_APP) == {world.of(WEB), world.of(DB)}
    assert world.mark(WEB) != world.mark(DB) != NO_FACTS


def test_facts_are_the_same_whether_they_start_together_or_one_by_one(world: World) -> None:
    together = World(WEB, DB, BARE)
    facts: list[ReadableFact] = [HasLabel("tier"), APP_WEB, EITHER, HTTP, HAS_APP]
    together.start(*facts)
    for fact in facts:
        world.start(fact)
    for one in (world, together):
        assert len({one.mark(pod) for pod in (WEB, DB, BARE)}) == 3
        one.stop(*facts[:2])
        assert len({one.mark(pod) for pod in (WEB, DB, BARE)}) == 3
        one.stop(HTTP)
        assert one.mark(WEB) == one.mark(DB) != one.mark(BARE)


def test_which_values_and_names_are_read_now(world: World) -> None:
    change = world.read_facts.start_reading([EITHER, HAS_APP, HTTP, APP_WEB])
    assert set(change.values) == {("app", "web"), ("app", "db"), ("app", None)}
    assert list(change.names) == [HTTP]
    assert set(world.read_facts.values_read("app")) == {"web", "db"}
    assert set(world.read_facts.labels_read(world.of(WEB))) == {("app", "web"), ("app", None)}
    assert set(world.read_facts.names_read(world.of(WEB))) == {HTTP}
    change = world.read_facts.stop_reading([EITHER, HTTP])
    assert set(change.values) == {("app", "db")}, "another fact is about web"
    assert list(change.names) == [HTTP]
    assert set(world.read_facts.values_read("app")) == {"web"}


def test_facts_about_keys_that_no_template_has_cost_nothing_until_one_has() -> None:
    world = World(BARE)
    change = world.read_facts.start_reading([APP_WEB, HAS_APP, HTTP])
    assert not any(change)
    assert set(world.read_facts.values_read("app")) == {"web"}
    world.add(WEB)
    assert world.mark(WEB) != NO_FACTS
    assert set(world.read_facts.labels_read(world.of(WEB))) == {("app", "web"), ("app", None)}
    assert set(world.read_facts.names_read(world.of(WEB))) == {HTTP}
    assert world.stop(APP_WEB, HAS_APP, HTTP) == {world.of(WEB)}
    assert world.mark(WEB) == NO_FACTS


def test_a_removed_template_is_no_longer_affected() -> None:
    world = World(WEB, DB)
    world.start(APP_WEB)
    gone = world.templates.pop(template_key(WEB))
    world.read_facts.remove(gone)
    assert not world.stop(APP_WEB)
    assert gone not in world.start(EITHER)


def test_facts_that_are_no_longer_read_leave_nothing_behind() -> None:
    world = World(WEB, DB, BARE)
    facts: list[ReadableFact] = [APP_WEB, EITHER, HAS_APP, HTTP]
    for fact in facts:
        world.start(fact)
    for fact in facts:
        world.stop(fact)
    kept = {
        name: value
        for name, value in vars(world.read_facts).items()
        if value and name not in ("_templates", "_outlines", "_present", "_version")
    }
    assert kept == {}


def test_removed_templates_leave_nothing_behind() -> None:
    world = World(WEB, DB, BARE)
    for key in [template_key(one) for one in (WEB, DB, BARE)]:
        world.read_facts.remove(world.templates.pop(key))
    assert not any(value for name, value in vars(world.read_facts).items() if name != "_version")


FACTS: list[ReadableFact] = [APP_WEB, APP_DB, EITHER, HAS_APP, HasLabel("tier"), LabelIn("tier", frozenset({"data"}))]
PODS = [WEB, DB, BARE, member("x/other", {"app": "other"})]


@given(st.lists(st.tuples(st.sampled_from(["start", "stop", "add", "remove"]), st.integers(0, 5))))
def test_a_template_is_read_as_each_fact_says_whatever_came_before(steps: list[tuple[str, int]]) -> None:
    world, read, present = World(), list[ReadableFact](), dict[int, Template]()
    for step, number in steps:
        fact, pod = FACTS[number], PODS[number % len(PODS)]
        if step == "start":
            read.append(fact)
            world.start(fact)
        elif step == "stop" and fact in read:
            read.remove(fact)
            world.stop(fact)
        elif step == "add" and number % len(PODS) not in present:
            present[number % len(PODS)] = world.add(pod)
        elif step == "remove" and number % len(PODS) in present:
            world.read_facts.remove(present.pop(number % len(PODS)))
            del world.templates[template_key(pod)]
        marks = {template.mark: holding(template, read) for template in present.values()}
        assert len(marks) == len(set(marks.values())), "equal marks for equal facts, and others for others"
        for template in present.values():
            assert marks[template.mark] == holding(template, read)
            values = {
                (one.key, template.labels[one.key] if isinstance(one, LabelIn) else None)
                for one in holding(template, read)
            }
            assert sorted(world.read_facts.labels_read(template), key=str) == sorted(values, key=str)


def holding(template: Template, read: list[ReadableFact]) -> frozenset[HasLabel | LabelIn]:
    """The facts that hold for a template, of those about labels that are read."""
    return frozenset(
        fact
        for fact in read
        if (isinstance(fact, HasLabel) and fact.key in template.labels)
        or (isinstance(fact, LabelIn) and template.labels.get(fact.key) in fact.values)
    )

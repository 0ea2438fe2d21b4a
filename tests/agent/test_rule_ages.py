"""Rule ages: since when the rules of an address have been in force."""

from ringfence.agent.rule_ages import RuleAges
from ringfence.dataplane.program import ADDRESS, ISOLATED, Chain, Program, Rule, RuleVerdict, VerdictMap, address_key
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

INGRESS = ISOLATED[Direction.INGRESS, Family.IPV4]
ONE, TWO = (Family.IPV4, 1), (Family.IPV4, 2)


def program(chains: dict[str, int], **owners: str) -> Program:
    """A program with chains of this many rules, and with the chains of the addresses one and two."""
    numbers = {"one": 1, "two": 2}
    elements: dict[str, frozenset[bytes]] = {}
    for owner, chain in owners.items():
        elements[chain] = elements.get(chain, frozenset()) | {address_key(Family.IPV4, numbers[owner])}
    rules = {name: Chain((Rule((), RuleVerdict.RETURN),) * count) for name, count in chains.items()}
    return Program({INGRESS: VerdictMap(ADDRESS[Family.IPV4], elements)}, rules)


def test_the_age_of_rules_begins_anew_with_another_chain_of_the_address_or_other_rules_in_it() -> None:
    clock = [100.0]
    ages = RuleAges(lambda: clock[0])

    def since(address: tuple[Family, int], chain: str) -> float | None:
        return ages.since(Direction.INGRESS, address, chain)

    found = program({"a": 1}, one="a")
    ages.note(found, found)
    assert since(ONE, "a") is None, "it was there at the start"
    with_two = program({"a": 1}, one="a", two="a")
    ages.note(found, with_two)
    assert (since(ONE, "a"), since(TWO, "a")) == (None, 100)
    clock[0] = 200
    changed = program({"a": 2, "b": 1}, one="a", two="b")
    ages.note(with_two, changed)
    assert (since(ONE, "a"), since(TWO, "b")) == (200, 200)
    clock[0] = 300
    ages.note(changed, program({"a": 2}, one="a"))
    assert since(ONE, "a") == 200
    ages.note(Program(), changed)
    assert since(ONE, "a") == 300


def test_the_ages_of_addresses_that_are_gone_are_forgotten() -> None:
    ages = RuleAges(lambda: 1.0)
    before = Program()
    for number in range(100):
        after = program({f"c{number}": 1}, one=f"c{number}")
        ages.note(before, after)
        before = after
    ages.note(before, program({}))
    assert not ages._moved
    assert not ages._changed

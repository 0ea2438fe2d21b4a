"""Blocks that contain some of the pods of a template and not others."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member
from tests.engine.population.populations import block, groups, label_is, population_of, together

from ringfence.engine.population.marks import NO_FACTS
from ringfence.engine.population.population import Population
from ringfence.sets import bitsets
from ringfence.sets.addresses import Family


class TestBlocksThatDividePods:
    """Pods with the same template are placed one by one if a block contains some of them and not others."""

    INSIDE = member("x/inside", addresses=["10.0.0.4"])
    OUTSIDE = member("x/outside", addresses=["10.0.0.3"])
    BLOCK = block("10.0.0.4/30")

    def check(self, population: Population) -> None:
        assert population.in_block(self.BLOCK, Family.IPV4) == 1 << population.identity_of(self.INSIDE).bit
        assert groups(population) == {frozenset({self.INSIDE}), frozenset({self.OUTSIDE})}

    def test_the_block_is_read_when_the_pods_are_there(self) -> None:
        population = population_of(self.INSIDE, self.OUTSIDE)
        assert together(population, self.INSIDE, self.OUTSIDE)
        population.start_reading_blocks([self.BLOCK])
        self.check(population)

    def test_the_block_is_read_when_the_pod_outside_has_gone(self) -> None:
        population = population_of(self.INSIDE, self.OUTSIDE)
        assert together(population, self.INSIDE, self.OUTSIDE)
        population.discard(self.OUTSIDE)
        population.start_reading_blocks([self.BLOCK])
        assert population.in_block(self.BLOCK, Family.IPV4) == population.everyone != 0

    def test_the_block_is_read_when_the_pod_outside_has_another_identity(self) -> None:
        outside = member("x/outside", {"app": "1"}, addresses=["10.0.0.3"])
        population = population_of(self.INSIDE, outside)
        assert together(population, self.INSIDE, outside)
        population.start_reading([label_is("app", "1")])
        population.start_reading_blocks([self.BLOCK])
        assert population.in_block(self.BLOCK, Family.IPV4) == 1 << population.identity_of(self.INSIDE).bit

    @given(
        st.sets(st.integers(0, 7), min_size=2),
        st.lists(
            st.integers(0, 7) | st.sampled_from([f"10.0.0.{i}/{n}" for n in (31, 30) for i in range(0, 8, 1 << 32 - n)])
        ),
    )
    def test_a_block_contains_the_same_pods_whichever_went_before(
        self, present: set[int], steps: list[int | str]
    ) -> None:
        """Each step adds or removes the pod with this number, or starts or stops reading a block."""
        pods = {number: member(f"x/pod-{number}", addresses=[f"10.0.0.{number}"]) for number in range(8)}
        population = population_of(*(pods[number] for number in present))
        read: set[str] = set()
        for step in steps:
            assert population.everyone
            if isinstance(step, str) and step in read:
                read.remove(step)
                population.stop_reading_blocks([block(step)])
            elif isinstance(step, str):
                read.add(step)
                population.start_reading_blocks([block(step)])
            elif step not in present:
                present.add(step)
                population.add(pods[step])
            elif len(present) > 1:
                present.remove(step)
                population.discard(pods[step])
            for cidr in read:
                inside = [pods[one] for one in present if ip_address(f"10.0.0.{one}") in ip_network(cidr)]
                expected = bitsets.of({population.identity_of(one).bit for one in inside})
                assert population.in_block(block(cidr), Family.IPV4) == expected

    def test_the_pods_are_added_when_the_block_is_read(self) -> None:
        population = Population()
        population.start_reading_blocks([self.BLOCK])
        population.add(self.OUTSIDE)
        population.add(self.INSIDE)
        self.check(population)

    def test_the_pods_share_an_identity_again_when_the_block_is_not_read_any_more(self) -> None:
        population = population_of(self.INSIDE, self.OUTSIDE)
        population.start_reading_blocks([self.BLOCK])
        population.start_reading_blocks([self.BLOCK])
        population.stop_reading_blocks([self.BLOCK])
        self.check(population)
        population.stop_reading_blocks([self.BLOCK])
        assert together(population, self.INSIDE, self.OUTSIDE)
        assert population.identity_of(self.INSIDE).blocks == NO_FACTS

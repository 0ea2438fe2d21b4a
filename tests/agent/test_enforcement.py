"""Enforcement of the state in a real kernel. The test sets the clock."""

import errno
from collections.abc import Sequence
from ipaddress import ip_network

from tests.agent.nodes import Conversation, Node
from tests.agent.refusals import break_compiler, refused_chains
from tests.agent.running import BOTH, CLOSED, HERE, OPEN, on_node
from tests.dataplane.network import in_own_network, nft
from tests.semantics.objects import node

from ringfence.agent.connection_reviews import LATE_REVIEW
from ringfence.agent.enforcement import ADOPTION, FIRST_RETRY, LAST_RETRY
from ringfence.agent.settings import ExistingConnections, Mode, Settings, UnknownPods
from ringfence.dataplane.adoption import Adopted, Adoption
from ringfence.dataplane.kernel import Kernel, ProfileRefused, ProfilesRefused
from ringfence.dataplane.program import Program
from ringfence.errors import KernelError
from ringfence.sets.addresses import Addresses


class TestEnforcing:
    @in_own_network
    def test_enforcement_is_in_order_once_the_kernel_holds_what_the_state_says(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        assert not node.enforcement.in_order
        assert not node.enforcement.has_begun
        node.enforcement.enforce()
        assert node.enforcement.in_order
        assert node.enforcement.retry_at is None
        assert node.kernel.has_table

    @in_own_network
    def test_enforcement_is_not_in_order_during_the_first_attempt(self) -> None:
        """A health probe may arrive at any moment."""
        node = Node(*BOTH, HERE, CLOSED)
        apply, found = node.kernel.apply, []

        def asking(program: Program, refusals: Sequence[KernelError] = ()) -> None:
            found.append(node.enforcement.in_order)
            apply(program, refusals)

        node.kernel.apply = asking  # type: ignore[method-assign]
        node.enforcement.enforce()
        assert (found, node.enforcement.in_order) == ([False], True)

    @in_own_network
    def test_without_a_change_nothing_is_written(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        before = node.kernel.transactions
        node.enforcement.enforce()
        assert node.kernel.transactions == before

    @in_own_network
    def test_a_pod_of_another_node_that_no_rule_names_changes_nothing_in_the_kernel(self) -> None:
        """Most events of a cluster concern such pods."""
        node = Node(*BOTH, HERE, OPEN)
        node.enforcement.enforce()
        before = node.kernel.transactions
        for app, is_written in (("passing", False), ("client", True)):
            node.put(on_node(app, 3, home="elsewhere"))
            node.enforcement.enforce()
            assert (node.kernel.transactions > before) is is_written, app

    @in_own_network
    def test_the_pod_ranges_of_the_node_are_held(self) -> None:
        enforced = Node(*BOTH, HERE)
        enforced.enforcement.enforce()
        assert enforced.enforcement.holds_ranges
        without = Node(*BOTH, node("here", "192.168.0.1"))
        without.enforcement.enforce()
        assert not without.enforcement.holds_ranges

    @in_own_network
    def test_ranges_that_the_operator_gives_are_held(self) -> None:
        ranges = Addresses.of(ip_network("10.99.0.0/16"))
        chosen = Node(*BOTH, node("here", "192.168.0.1"), settings=Settings("here", pod_ranges=ranges))
        chosen.enforcement.enforce()
        assert chosen.enforcement.holds_ranges

    @in_own_network
    def test_no_range_is_held_where_unknown_pods_are_allowed(self) -> None:
        allowing = Node(*BOTH, HERE, settings=Settings("here", unknown_pods=UnknownPods.ALLOW))
        allowing.enforcement.enforce()
        assert not allowing.enforcement.holds_ranges


class TestFailures:
    @in_own_network
    def test_the_next_attempt_waits_longer_each_time_up_to_a_minute(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.fail("apply", KernelError("no", 12))
        waits = []
        for _ in range(9):
            node.enforcement.enforce()
            assert node.enforcement.retry_at is not None
            waits.append(node.enforcement.retry_at - node.clock.now)
            node.clock.now = node.enforcement.retry_at
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert (waits[0], waits[-1]) == (FIRST_RETRY, LAST_RETRY)
        assert not node.enforcement.in_order

    @in_own_network
    def test_after_a_success_the_wait_starts_from_the_beginning(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        mend = node.fail("apply", KernelError("no", 12))
        for _ in range(3):
            node.enforcement.enforce()
            node.clock.now += 100
        mend()
        node.enforcement.enforce()
        assert node.enforcement.in_order
        assert node.enforcement.retry_at is None
        node.fail("apply", KernelError("no", 12))
        node.enforcement.enforce()
        assert node.enforcement.retry_at == node.clock.now + FIRST_RETRY

    @in_own_network
    def test_failures_in_quick_succession_do_not_put_the_next_attempt_off(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.fail("apply", KernelError("no", 12))
        node.enforcement.enforce()
        planned = node.enforcement.retry_at
        node.clock.now += FIRST_RETRY / 2
        node.enforcement.enforce()
        assert node.enforcement.retry_at == planned

    @in_own_network
    def test_profiles_that_the_kernel_refuses_are_a_failure(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforcement.enforce()
        node.put(OPEN)
        with refused_chains(node.enforcement):
            node.enforcement.enforce()
        assert not node.enforcement.in_order
        assert all(isinstance(one, KernelError) for one in node.enforcement.failures)
        assert node.enforcement.retry_at is not None

    @in_own_network
    def test_connections_of_pods_that_a_refusal_has_closed_end(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforcement.enforce()
        conversation = Conversation()
        node.put(OPEN)
        with refused_chains(node.enforcement):
            node.enforce()
        assert not conversation.goes_on()

    @in_own_network
    def test_a_defect_leaves_the_kernel_as_it_is_and_the_next_attempt_compiles_again(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        before = node.kernel.present
        break_compiler(node.enforcement)
        node.enforcement.enforce()
        assert [type(one) for one in node.enforcement.failures] == [ZeroDivisionError]
        assert node.kernel.present == before
        node.enforcement.enforce()
        assert node.enforcement.in_order


class TestConnections:
    """`test_connection_reviews` specifies when connections are judged."""

    @in_own_network
    def test_connections_that_a_change_forbids_end(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforce()
        conversation = Conversation()
        node.put(CLOSED)
        node.enforce()
        assert not conversation.goes_on()

    @in_own_network
    def test_no_connection_is_judged_before_the_rules_are_in_force(self) -> None:
        node = Node(*BOTH, HERE)
        assert node.enforcement.review_at is None
        assert node.enforcement.review() is None
        assert node.enforcement.review_error == "tracked connections are not judged yet"

    @in_own_network
    def test_no_connection_is_judged_without_a_change(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforce()
        node.clock.now += LATE_REVIEW
        node.review()
        node.enforcement.enforce()
        node.enforcement.repair()
        assert node.enforcement.review_at is None

    @in_own_network
    def test_no_connection_is_judged_where_connections_are_kept(self) -> None:
        node = Node(*BOTH, HERE, settings=Settings("here", existing_connections=ExistingConnections.KEEP))
        node.enforcement.enforce()
        node.put(CLOSED)
        node.enforcement.enforce()
        nft("delete", "table", "inet", "ringfence")
        assert node.enforcement.repair()
        assert node.enforcement.review_at is None
        assert node.enforcement.review_error == ""

    @in_own_network
    def test_connections_that_the_previous_agent_revoked_go_on_where_connections_are_kept(self) -> None:
        before = Node(*BOTH, HERE)
        before.enforce()
        conversation = Conversation()
        before.put(CLOSED)
        before.enforce()
        assert not conversation.goes_on()
        after = Node(*BOTH, HERE, CLOSED, settings=Settings("here", existing_connections=ExistingConnections.KEEP))
        after.enforce()
        assert after.kernel.revoked == frozenset()
        assert conversation.goes_on()

    @in_own_network
    def test_connections_that_the_previous_agent_revoked_go_on_while_observing(self) -> None:
        before = Node(*BOTH, HERE)
        before.enforce()
        conversation = Conversation()
        before.put(CLOSED)
        before.enforce()
        after = Node(*BOTH, HERE, CLOSED, settings=Settings("here", mode=Mode.OBSERVE))
        after.enforce()
        assert conversation.goes_on()


class TestRepair:
    @in_own_network
    def test_changes_of_other_programs_are_undone(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        before = node.kernel.present
        assert not node.enforcement.repair()
        nft("flush", "table", "inet", "ringfence")
        assert node.enforcement.repair()
        assert node.enforcement.in_order
        assert Kernel().present == before

    @in_own_network
    def test_connections_that_opened_before_the_repair_end(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforce()
        assert not node.enforcement.awaits_review, "what was open at the start is judged"
        # The kernel tracks connections only as long as some table asks for their state.
        nft("table inet other { chain c { type filter hook forward priority 0; ct state established accept; }; }")
        nft("delete", "table", "inet", "ringfence")
        conversation = Conversation()
        node.enforcement.repair()
        node.review()
        assert not conversation.goes_on()

    @in_own_network
    def test_a_kernel_that_takes_a_repair_is_given_the_rest_at_once(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        mend = node.fail("apply", KernelError("no", 12))
        for _ in range(3):
            node.enforcement.enforce()
            node.clock.now += 100
        node.enforcement.enforce()
        mend()
        nft("delete", "table", "inet", "ringfence")
        assert node.enforcement.repair()
        assert not node.enforcement.in_order
        assert node.enforcement.retry_at == node.clock.now

    @in_own_network
    def test_a_failure_is_not_a_repair(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        node.fail("repair", KernelError("no", 12))
        assert not node.enforcement.repair()
        assert not node.enforcement.in_order
        assert node.enforcement.retry_at == node.clock.now + FIRST_RETRY

    @in_own_network
    def test_profiles_that_are_refused_during_a_repair_are_a_failure(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        node.fail("repair", ProfilesRefused([KernelError("no", 12, "c")]))
        assert node.enforcement.repair()
        [refusal] = node.enforcement.failures
        assert isinstance(refusal, ProfileRefused)
        assert refusal.refused == "c"
        assert not node.enforcement.in_order

    @in_own_network
    def test_repairs_that_fail_every_second_do_not_put_the_next_attempt_off(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        node.fail("repair", KernelError("no", 12))
        node.enforcement.repair()
        planned = node.enforcement.retry_at
        node.clock.now += 0.5
        node.enforcement.repair()
        assert node.enforcement.retry_at == planned

    @in_own_network
    def test_a_defect_during_a_repair_is_a_failure(self) -> None:
        node = Node(*BOTH, HERE, CLOSED)
        node.enforcement.enforce()
        node.fail("repair", ZeroDivisionError())
        node.enforcement.repair()
        assert [type(one) for one in node.enforcement.failures] == [ZeroDivisionError]


class TestClosedNamespaces:
    @in_own_network
    def test_pods_of_a_closed_namespace_are_allowed_nothing(self) -> None:
        node = Node(*BOTH, HERE, OPEN)
        conversation = Conversation()
        node.enforcement.enforce(closed=frozenset({"x"}))
        assert node.enforcement.closed == {"x"}
        assert node.enforcement.pods_in(node.enforcement.closed) == 2
        assert not conversation.goes_on()
        node.enforcement.enforce()
        assert node.enforcement.closed == set()

    @in_own_network
    def test_where_building_is_postponed_a_namespace_is_closed(self) -> None:
        node = Node(*BOTH, HERE, OPEN)
        assert node.enforcement.closed == set()
        node.enforcement.enforce(may_build=lambda namespace: False)
        assert node.enforcement.closed == {"x"}
        assert node.enforcement.in_order
        node.enforcement.enforce()
        assert node.enforcement.closed == set()


class TestAdopting:
    """Where the kernel may not have tracked all open connections, the first program only observes for a while."""

    @in_own_network
    def test_a_forbidden_conversation_ends_after_the_adoption(self) -> None:
        conversation = Conversation()
        node = Node(*BOTH, HERE, CLOSED, adoption=Adoption())
        node.enforce()
        assert conversation.goes_on()
        assert not node.enforcement.in_order
        assert node.enforcement.retry_at == node.enforcement.adopts_until == node.clock.now + ADOPTION
        assert node.enforcement.review_at is None, "nothing can be judged by a program that drops nothing"
        node.clock.now += ADOPTION
        node.enforce()
        assert not conversation.goes_on()
        assert node.enforcement.in_order
        assert node.enforcement.adopted is not None
        assert node.enforcement.retry_at is None

    @in_own_network
    def test_nothing_is_adopted_where_no_pod_runs(self) -> None:
        node = Node(HERE, on_node("elsewhere", 1, "there"), adoption=Adoption())
        node.enforce()
        assert node.enforcement.in_order
        assert node.enforcement.adopted is None

    @in_own_network
    def test_an_adoption_that_fails_does_not_keep_policies_from_being_enforced(self) -> None:
        adoption = Adoption()

        def failing(program: Program) -> Adopted:
            raise KernelError("no memory", errno.ENOMEM)

        adoption.end = failing  # type: ignore[method-assign]
        node = Node(*BOTH, HERE, CLOSED, adoption=adoption)
        node.enforce()
        node.clock.now += ADOPTION
        node.enforce()
        assert [str(failure) for failure in node.enforcement.failures] == ["no memory"]
        node.clock.now += FIRST_RETRY
        node.enforce()
        assert node.enforcement.in_order

"""When the agent judges tracked connections. The kernel is real; the test sets the clock."""

from collections.abc import Iterator

from tests.agent.nodes import Conversation, Node
from tests.agent.running import BOTH, CLOSED, HERE, OPEN, SERVER
from tests.dataplane.conntrack_entries import clients_of, track
from tests.dataplane.network import in_own_network
from tests.dataplane.programs import key
from tests.semantics.objects import admits, labelled, policy, port

from ringfence.agent.connection_reviews import LATE_REVIEW, RETRY, SLICE
from ringfence.errors import KernelError
from ringfence.sets.addresses import Family

REFUSAL = KernelError("the list cannot be read", 105)


def count_reviews(node: Node) -> list[bool]:
    """Record the reviews that begin from now on, and whether each of them judges connections again."""
    reviews: list[bool] = []
    review = node.kernel.review

    def counted(*, again: bool = False) -> Iterator[None]:
        reviews.append(again)
        return review(again=again)

    node.kernel.review = counted  # type: ignore[method-assign]
    return reviews


class TestStarting:
    """An agent may end after it has changed the rules and before it has judged the tracked connections."""

    @staticmethod
    def after_one_that_was_killed() -> tuple[Node, Conversation]:
        """The node of an agent that starts now, and a connection that the rules forbid."""
        before = Node(*BOTH, HERE)
        before.enforce()
        conversation = Conversation()
        before.put(CLOSED)
        before.enforcement.enforce()
        assert conversation.goes_on()
        return Node(*BOTH, HERE, CLOSED), conversation

    @in_own_network
    def test_connections_that_the_previous_agent_did_not_judge_end(self) -> None:
        after, conversation = self.after_one_that_was_killed()
        after.enforce()
        assert after.kernel.transactions == 1, "the rules were right already"
        assert not conversation.goes_on()

    @in_own_network
    def test_connections_that_are_allowed_go_on(self) -> None:
        before = Node(*BOTH, HERE)
        before.enforce()
        conversation = Conversation()
        after = Node(*BOTH, HERE)
        after.enforce()
        assert after.kernel.revoked == frozenset()
        assert conversation.goes_on()

    @in_own_network
    def test_the_review_is_in_error_until_all_connections_are_judged(self) -> None:
        after, _ = self.after_one_that_was_killed()
        after.enforcement.enforce()
        assert after.enforcement.review_error == "tracked connections are not judged yet"
        after.review()
        assert after.enforcement.review_error == ""


class TestFailures:
    @in_own_network
    def test_a_review_that_fails_is_tried_again_until_it_succeeds(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforce()
        conversation = Conversation()
        node.put(CLOSED)
        mend = node.fail("review", REFUSAL)
        for _ in range(3):
            node.enforce()
            assert node.enforcement.in_order, "the rules are in force"
            assert node.enforcement.review_failure is REFUSAL
            assert node.enforcement.review_error == "tracked connections cannot be judged: the list cannot be read"
            assert node.enforcement.review_at == node.clock.now + RETRY
            node.clock.now += RETRY
        mend()
        node.review()
        assert node.enforcement.review_failure is None
        assert node.enforcement.review_error == ""
        assert not conversation.goes_on()

    @in_own_network
    def test_connections_that_a_failed_review_left_out_are_judged_by_the_next_one(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforce()
        conversation = Conversation()
        node.put(CLOSED)
        node.enforcement.enforce()
        judge = node.kernel._judge_connections

        def failing(*args: object) -> Iterator[None]:
            yield
            raise OSError(105, "no buffer space available")

        node.kernel._judge_connections = failing  # type: ignore[method-assign, assignment]
        node.review()
        assert "no buffer space available" in node.enforcement.review_error
        node.kernel._judge_connections = judge  # type: ignore[method-assign]
        node.clock.now += RETRY
        node.review()
        assert not conversation.goes_on()

    @in_own_network
    def test_a_defect_counts_as_a_failure_of_the_review(self) -> None:
        node = Node(*BOTH, HERE)
        node.fail("review", ZeroDivisionError())
        node.enforce()
        assert isinstance(node.enforcement.review_failure, ZeroDivisionError)
        assert node.enforcement.review_at == node.clock.now + RETRY


class TestLateReviews:
    """A packet that was accepted before a change may be tracked only after the review of that change."""

    @in_own_network
    def test_connections_that_a_change_affects_are_judged_once_more_later(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforce()
        node.put(OPEN)
        reviews = count_reviews(node)
        node.enforce()
        assert reviews == [False]
        node.clock.now += LATE_REVIEW - 0.1
        node.review()
        assert reviews == [False]
        node.clock.now += 0.1
        node.review()
        assert reviews == [False, True]
        assert node.enforcement.review_at is None

    @in_own_network
    def test_late_reviews_take_place_however_often_rules_change(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforce()
        reviews = count_reviews(node)
        for number in range(50):
            node.put(policy("x/changing", labelled(app="server"), ingress=[admits(ports=[port(number + 1)])]))
            node.enforce()
            node.clock.now += LATE_REVIEW / 8
        assert reviews.count(True) == 6

    @in_own_network
    def test_reviews_go_on_as_long_as_there_are_revoked_connections(self) -> None:
        node = Node(*BOTH, HERE)
        node.enforce()
        conversation = Conversation()
        node.put(CLOSED)
        node.enforce()
        reviews = count_reviews(node)
        for _ in range(3):
            node.clock.now += LATE_REVIEW
            node.review()
        assert reviews == [True] * 3
        assert not conversation.goes_on()


class TestSlices:
    """The agent judges a large table in slices."""

    CONNECTIONS = 3_000

    def judging(self, milliseconds: float) -> Node:
        """A node with many connections. The judging of each piece takes this long."""
        node = Node(*BOTH, HERE)
        node.enforce()
        track(clients_of([key(SERVER, Family.IPV4)], self.CONNECTIONS))
        review = node.kernel.review

        def slow(*, again: bool = False) -> Iterator[None]:
            for _ in review(again=again):
                node.clock.now += milliseconds / 1000
                yield

        node.kernel.review = slow  # type: ignore[method-assign]
        node.put(CLOSED)
        node.enforcement.enforce()
        return node

    @in_own_network
    def test_a_slice_ends_after_some_milliseconds(self) -> None:
        node = self.judging(2)
        slices = 1
        began = node.clock.now
        while node.enforcement.review() is None:
            assert node.clock.now - began <= SLICE + 0.002
            assert node.enforcement.review_at == 0, "it goes on as soon as other work is done"
            began = node.clock.now
            slices += 1
        assert slices > 3
        assert len(node.kernel.revoked) == self.CONNECTIONS

    @in_own_network
    def test_the_next_review_waits_as_long_as_the_last_one_took(self) -> None:
        node = self.judging(100)
        while node.enforcement.review() is None:
            pass
        took = node.clock.now - 1_000
        node.put(OPEN)
        node.enforcement.enforce()
        assert node.enforcement.review_at is not None
        assert abs(node.enforcement.review_at - (node.clock.now + took)) < 0.01

    @in_own_network
    def test_late_reviews_use_a_hundredth_of_the_time(self) -> None:
        node = self.judging(100)
        while node.enforcement.review() is None:
            pass
        began = node.clock.now = 1_000 + LATE_REVIEW
        while (at := node.enforcement.review_at) == 0 or at == began:
            node.enforcement.review()
        took = node.clock.now - began
        assert took > 1
        assert at is not None
        assert abs(at - (node.clock.now + 100 * took)) < 0.1

    @in_own_network
    def test_a_review_returns_how_long_after_the_change_all_connections_were_judged(self) -> None:
        node = self.judging(100)
        node.clock.now += 3
        while (seconds := node.enforcement.review()) is None:
            pass
        assert abs(seconds - (node.clock.now - 1_000)) < 0.01

    @in_own_network
    def test_a_change_in_the_middle_of_a_review_is_considered_by_the_next_one(self) -> None:
        """The review does not start again.

        Otherwise a tenant who changes policies all the time could prevent it from ending.
        """
        node = self.judging(100)
        node.enforcement.review()
        node.put(policy("x/all", labelled(app="server"), ingress=[admits()]))
        node.enforcement.enforce()
        while node.enforcement.review() is None:
            pass
        assert 0 < len(node.kernel.revoked) < self.CONNECTIONS, "the rest was judged by the new rules"
        assert node.enforcement.review_at is not None
        node.clock.now = node.enforcement.review_at
        while node.enforcement.review() is None:
            pass
        assert not node.kernel.revoked

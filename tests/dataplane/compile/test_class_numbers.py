"""The numbers of the classes of peers: none ever stands for another class."""

from ringfence.dataplane.compile.class_numbers import REMEMBERED, ClassNumbers
from ringfence.dataplane.program import PEER_CLASS, PEER_GROUP, GroupMap, Program, VerdictMap, peer_class_key


def led(**chains: str) -> VerdictMap:
    elements = {chain: frozenset({peer_class_key(number)}) for chain, number in chains.items()}
    return VerdictMap(PEER_CLASS, elements, goto=True)


def test_each_class_has_a_number_of_its_own_and_keeps_it() -> None:
    numbers = ClassNumbers()
    first, second = numbers.of("a"), numbers.of("b")
    assert first != second
    assert (numbers.of("a"), numbers.of("b")) == (first, second)


def test_a_new_process_takes_over_the_numbers_of_the_kernel() -> None:
    numbers = ClassNumbers()
    numbers.adopt(Program({"led_x": led(a="00000007"), "led_y": led(a="00000007", b="00000009")}))
    assert (numbers.of("a"), numbers.of("b"), numbers.of("c")) == ("00000007", "00000009", "0000000a")


def test_a_number_of_the_kernel_that_leads_nowhere_is_not_given_to_a_new_class() -> None:
    numbers = ClassNumbers()
    numbers.adopt(Program({"peers": GroupMap(PEER_GROUP, {"00000004": frozenset({peer_class_key("00000001")})})}))
    assert numbers.of("a") == "00000005"


def test_a_number_that_leads_to_two_chains_is_not_taken_over_for_either() -> None:
    numbers = ClassNumbers()
    numbers.adopt(Program({"led_x": led(a="00000001"), "led_y": led(b="00000001")}))
    assert {numbers.of("a"), numbers.of("b")} == {"00000002", "00000003"}


def test_numbers_that_only_another_program_can_have_written_do_not_exhaust_the_numbers() -> None:
    numbers = ClassNumbers()
    numbers.adopt(Program({"led_x": led(a="ffffffff", b="00000003")}))
    assert [numbers.of("b"), numbers.of("a"), numbers.of("c")] == ["00000003", "00000004", "00000005"]


def test_what_is_known_is_not_taken_over_again() -> None:
    numbers = ClassNumbers()
    first = numbers.of("a")
    numbers.adopt(Program({"led_x": led(a="00000007")}))
    assert numbers.of("a") == first


def test_the_number_of_a_forgotten_class_is_never_used_again() -> None:
    numbers = ClassNumbers()
    given = {numbers.of(str(number)) for number in range(REMEMBERED + 1)}
    kept = numbers.of("5")
    numbers.forget_unused({"5"})
    assert numbers.of("5") == kept
    assert numbers.of("6") not in given

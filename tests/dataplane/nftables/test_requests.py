"""Commands as messages: which messages must not be divided between two transactions."""

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.requests import encode, message_type
from ringfence.dataplane.program import PORT, HashSet, Move, Rule, RuleVerdict, VerdictMap
from ringfence.dataplane.update import AddElements, ReplaceElements, SetRules
from ringfence.netlink.codec import HEADER_SIZE
from ringfence.netlink.constants import NLM_F_APPEND

MANY = VerdictMap(PORT).moved(Move(i.to_bytes(2, "big"), None, "chain") for i in range(1_000))


def test_elements_are_replaced_in_one_transaction_portion_by_portion() -> None:
    """Each packet finds the old chain or the new one. Between the two messages, it would find none."""
    removing, adding = map(message_type, (nf.NFT_MSG_DELSETELEM, nf.NFT_MSG_NEWSETELEM))
    units = list(encode(ReplaceElements("map", MANY)))
    assert [[body.type for body in unit] for unit in units] == [[removing, adding]] * 3


def test_elements_may_be_added_in_several_transactions() -> None:
    assert [len(unit) for unit in encode(AddElements("map", MANY))] == [1, 1, 1]


def test_the_rules_of_a_chain_are_replaced_in_one_transaction_and_keep_their_order() -> None:
    rules = (Rule((), RuleVerdict.RETURN), Rule((), RuleVerdict.DROP))
    ((first, *others),) = encode(SetRules("chain", rules))
    assert first.type == message_type(nf.NFT_MSG_DELRULE)
    assert [body.type for body in others] == [message_type(nf.NFT_MSG_NEWRULE)] * 2
    assert all(body.flags & NLM_F_APPEND for body in others)


def test_the_size_of_a_message_is_that_of_its_header_and_its_content() -> None:
    ((body,),) = encode(AddElements("s", HashSet(PORT, frozenset({b"\0\1"}))))
    assert body.size == HEADER_SIZE + len(body.content)

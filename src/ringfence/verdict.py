"""A verdict: the answer to a question with the edits that would reverse it, and as text."""

from functools import cached_property
from typing import TYPE_CHECKING

from ringfence.analysis.edits import Edit, Proposal, smallest_edit
from ringfence.analysis.questions import Answer, with_possible_pods
from ringfence.engine.state import State

if TYPE_CHECKING:
    from ringfence.testing.outcomes import Explanation, Question


class Verdict(Answer):
    """The answer to a question: `all`, `any` or `none`, with its reasons, its assumptions, and as text (`explain`)."""

    @cached_property
    @with_possible_pods
    def proposal(self) -> Proposal:
        """The edits of policies that reverse the answer and change the least for others, and what else they change.

        Both are checked by the engine. Without edits if there are none that would, and for pods that could exist: an
        edit for an example of them would not be one for all.
        """
        self._check_unchanged()
        if self.parts_of_possible_pods or any(one.topic.name == "service-port" for one in self.traits):
            return Proposal()
        return smallest_edit(self._state, self)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits of `proposal`."""
        return self.proposal.edits

    def explain(self) -> str:
        """The answer, its reasons, and the edit that reverses it, as `ringfence explain` prints them."""
        from ringfence.render.answers import explanation

        return explanation(self, self.proposal)


def explanation_of(state: State, question: "Question", with_edits: bool) -> "Explanation":
    """Why the answer to the question of a test is as it is, with what reverses it if that is asked for."""
    from ringfence.render.answers import explanation
    from ringfence.render.proposals import proposal_text
    from ringfence.testing.outcomes import Explanation

    verdict = Verdict(state, question.source, question.destination, question.ports)
    # Edits take most of the time, and of a test that fails for another reason they would be wrong.
    if not with_edits:
        return Explanation(explanation(verdict))
    edits = "\n".join(proposal_text(verdict.proposal, verdict))
    return Explanation(explanation(verdict), edits, verdict.proposal)

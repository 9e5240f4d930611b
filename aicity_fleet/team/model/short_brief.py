"""Sends a shorter brief to a model whose context is too small for the whole one.

The request's hash and the history keep the whole brief, so a journal replays whatever was left out.
"""

import logging
from collections.abc import Sequence

from autogen_core.models import LLMMessage, UserMessage

from aicity_fleet.team.review.brief import Brief
from aicity_fleet.team.review.shorter_brief import shorten_brief

logger = logging.getLogger(__name__)


class ShortBrief:
    """The brief of one run, as short as the models of one alias need it so far."""

    def __init__(self, brief: Brief) -> None:
        self.brief = brief
        self.text = brief.text
        """What is sent in place of the brief."""

    def shorten(self, keep: float) -> bool:
        """Leave out more of the buyer's longest text; returns whether that was possible.

        Args:
            keep: How much of that text is kept, from 0 to 1.
        """
        text = shorten_brief(self.text, nonce=self.brief.nonce, keep=keep)
        if text is None:
            return False
        self.text = text
        logger.warning("team.brief_shortened chars=%d", len(text))
        return True


def shortened_messages(
    messages: Sequence[LLMMessage], brief: ShortBrief | None
) -> Sequence[LLMMessage]:
    """Return the messages with the short brief in place of the whole one."""
    if brief is None or brief.text == brief.brief.text:
        return messages
    return [
        message.model_copy(update={"content": brief.text})
        if isinstance(message, UserMessage) and message.content == brief.brief.text
        else message
        for message in messages
    ]

"""Answers to general tasks: the request taken apart, and each part answered in order."""

from __future__ import annotations

import re

from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.wording import bullets, requirements, subject, terms, title

ANSWERS = (
    (
        r"\bwho\b",
        "Those who decide come first, then those whose day changes, then everybody who only has to "
        "know. Put {focus} into one list with a name, a way to reach them and a date, tell the "
        "first group two weeks ahead and the others one week ahead, and repeat it the day before.",
    ),
    (
        r"\bhow (do|can|should|to)\b",
        "Keep the old way for {focus} in place until the new one has worked for an hour under real "
        "use. Name one person who watches it, and agree beforehand at which sign you go back.",
    ),
    (
        r"\bwhen\b|\bby what\b",
        "Count back from the fixed date: the last day for {focus} is the one that still leaves a "
        "day to repair what goes wrong. Write that day down, not the ideal one.",
    ),
    (
        r"\bcheck|\btest|\bmake sure",
        "Walk through {focus} in the order in which the first visitor would meet it, with a list on "
        "paper. Begin early enough that one failed point can still be repaired, and sign each line.",
    ),
    (
        r"\bwhat\b|\bwhich\b",
        "Sort {focus} by one question: is it needed on the last day? What is not goes first and is "
        "labelled with its new place; what is stays until the end and travels in one marked box.",
    ),
    (
        r"\bwhy\b",
        "The text gives no reason by itself. Ask whoever set {focus} what would be lost without it; "
        "if nobody can say, it is a habit and may go.",
    ),
)
"""How a requirement is answered, by the question that it holds; the first that fits is taken."""

PLAIN_ANSWER = (
    "Begin with {focus}. Write down what done means in one sentence that somebody else can check, "
    "give it one name and one date, and leave out what does not serve that sentence."
)
"""The answer to a requirement that is no question."""


def answer_to(requirement: str) -> str:
    """A short answer that speaks of the requirement's own words."""
    focus = terms(requirement, 3)
    listed = " and ".join(filter(None, [", ".join(focus[:-1]), *focus[-1:]])) or "this point"
    fitting = (text for pattern, text in ANSWERS if re.search(pattern, requirement, re.I))
    return next(fitting, PLAIN_ANSWER).format(focus=listed)


def general(brief: Brief) -> str:
    """An ordered answer that quotes each requirement and says how it is met."""
    asked = requirements(brief.material)
    main = terms(brief.material, 6)
    parts = [f"# {title(brief.description)}", "", "## Summary", ""]
    parts.append(
        f"The request is about {subject(brief.description)}. It holds {len(asked)} separate "
        f"requirements, answered below in the order in which they were given. The words that "
        f"matter most in it are {', '.join(main) or 'few'}."
    )
    parts += ["", "## Answers by requirement", ""]
    for number, requirement in enumerate(asked, 1):
        parts.append(f'{number}. **Asked:** "{requirement}"')
        parts.append(f"   **Answer:** {answer_to(requirement)}")
    parts += ["", "## Order of work", ""]
    parts += bullets(
        f"Day {number}: take up point {number} ({', '.join(terms(requirement, 3)) or 'the next one'}), "
        "tell those whom it concerns, and tick it off only when it has been seen to work."
        for number, requirement in enumerate(asked, 1)
    )
    parts += ["", "## What was assumed", ""]
    parts.append(
        "Only the text of the request was available. Nothing was looked up, and where the request "
        "leaves a choice open, the simplest reading was taken."
    )
    return "\n".join(parts)

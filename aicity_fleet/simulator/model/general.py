"""Answers to general tasks: the request taken apart, and each part answered in order."""

from __future__ import annotations

from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.wording import bullets, requirements, subject, terms, title


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
        focus = terms(requirement, 3)
        parts.append(f'{number}. **Asked:** "{requirement}"')
        parts.append(
            f"   **Answer:** settle {', '.join(focus) or 'this point'} first, write the decision "
            f"down in one sentence, and name one person who answers for it by a fixed date."
        )
    parts += ["", "## Order of work", ""]
    parts += bullets(
        f"Step {number}: {', '.join(terms(requirement, 2)) or 'the next point'}; done when the "
        "answer above can be shown to somebody who was not there."
        for number, requirement in enumerate(asked, 1)
    )
    parts += ["", "## What was assumed", ""]
    parts.append(
        "Only the text of the request was available. Nothing was looked up, and where the request "
        "leaves a choice open, the simplest reading was taken."
    )
    return "\n".join(parts)

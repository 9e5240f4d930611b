"""Writes prose: research notes from the sources in the text, and pieces from the given words."""

from __future__ import annotations

import re

from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.wording import (
    bullets,
    requirements,
    shortened,
    subject,
    terms,
    title,
)

NOTE = re.compile(r"^- (.+(?:\n {2,}.+)*)", re.MULTILINE)
TAILS = (
    "Put it in your calendar now, and the hardest part is done.",
    "So there is nothing to buy and nothing to prepare.",
    "That leaves time for every question, and nobody is rushed.",
    "Try it, and decide afterwards.",
    "It takes a minute, and somebody there will be glad to see you.",
)
LINK = re.compile(r"https?://[^\s)>\]]+")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def research(brief: Brief) -> str:
    """A note with an answer, what each source says, its limits, and the sources."""
    notes = [re.sub(r"\s+", " ", note) for note in NOTE.findall(brief.material)]
    dated = [note for note in notes if YEAR.search(note) or LINK.search(note)]
    links = LINK.findall(brief.material)
    request = brief.material.split("\n\n")[0]
    parts = [f"# {title(request)}", "", "## Short answer", ""]
    parts.append(_short_answer(request, dated))
    parts += ["", "## What the sources say", ""]
    for number, note in enumerate(dated, 1):
        name, statement = named(note)
        parts.append(f"{number}. **{name}**: {statement} [{number}]")
    if not dated:
        parts += [f"- {one}" for one in requirements(brief.material)]
    parts += ["", "## What follows for the question", ""]
    parts += bullets(_aspect(aspect, dated) for aspect in aspects_of(request))
    parts += ["", "## Limits", ""]
    parts.append(
        f"Only the text of the request was used: {len(dated)} dated notes and {len(links)} links. "
        "No link was opened and nothing was looked up, so the statements are quoted and not "
        "verified. The sources differ in year, size and method; numbers from one cannot be added "
        "to numbers from another. What none of them answers is open: how the effect lasts, and "
        "whether it holds in every place."
    )
    parts += ["", "## Sources", ""]
    parts += [
        f"{number}. {named(note)[0]}" + (f", {LINK.findall(note)[0]}" if LINK.search(note) else "")
        for number, note in enumerate(dated, 1)
    ] or ["- The text of the request itself; it names no source."]
    return "\n".join(parts)


def aspects_of(request: str) -> list[str]:
    """What a research question is divided into: the list behind its colon, or its main words."""
    found = re.search(r":\s+([^.:]+,[^.:]+)\.", re.sub(r"\s+", " ", request))
    if found is None:
        return terms(request, 4)
    return [part.strip() for part in re.split(r",\s*|\s+and\s+", found[1]) if part.strip()]


def _aspect(aspect: str, notes: list[str]) -> str:
    stems = {word[:5] for word in terms(aspect, 4)}
    about = [
        number
        for number, note in enumerate(notes, 1)
        if stems & {word[:5] for word in terms(note, 60)}
    ]
    if not about:
        return (
            f"**{aspect}**: no note uses these words. Whether another one speaks to it is a "
            "judgement, and it is left open here."
        )
    quoted = " ".join(f"{named(notes[number - 1])[1]} [{number}]" for number in about[:2])
    return f"**{aspect}**: {quoted}"


def content_creation(brief: Brief) -> str:
    """A structured piece that uses every point that has to be mentioned."""
    text = brief.material
    topic = topic_of(text)
    points = points_of(text)
    audience = after(text, r"audience:?\s*([^.\n]+)") or "everybody who is curious"
    tone = after(text, r"tone:?\s*([^.\n]+)")
    parts = [f"# {topic[:1].upper()}{topic[1:]}", ""]
    parts.append(
        f"This one is for you, {audience.strip()}. There is a first time for everything, and this "
        f"is a good place for it: {topic}, made so that nobody has to know anything beforehand."
    )
    parts += ["", "## What to expect", ""]
    for number, point in enumerate(points):
        lead = ("Good to know", "And", "Also", "Better still", "Last but not least")[number % 5]
        parts.append(f"{lead}: {point}. {TAILS[number % len(TAILS)]}")
        parts.append("")
    parts += ["## At a glance", ""]
    parts += bullets(point[:1].upper() + point[1:] for point in points)
    parts += ["", "## Come and see", ""]
    parts.append(
        "You need no experience, no equipment of your own and no courage beyond the first step "
        "through the door. Bring a friend or come alone; you will not be alone for long. Consider "
        "this your invitation: we look forward to meeting you."
    )
    if tone:
        parts += ["", f"*Written in the tone that was asked for: {tone.strip()}.*"]
    return "\n".join(parts)


def topic_of(text: str) -> str:
    """What a piece is about: what stands after "about", or the main words."""
    found = re.search(r"\babout\s+([^.\n]{5,80})", re.sub(r"\s+", " ", text))
    return found[1].strip() if found else ", ".join(terms(text, 4)) or subject(text)


def points_of(text: str) -> list[str]:
    """What a piece has to mention: what is listed after "mention", or the requirements."""
    flat = re.sub(r"\s+", " ", text)
    found = re.search(r"(?:mention|include|cover)\w*:?\s+([^.]+(?:\.\d[^.]*)*)", flat)
    if found and "," in found[1]:
        parts = re.split(r",\s*(?:and\s+)?", found[1])
        return [part.strip() for part in parts if part.strip()]
    return [shortened(one.rstrip("."), 160) for one in requirements(text)]


def after(text: str, pattern: str) -> str:
    """What a pattern captures in a text on one line, or nothing."""
    found = re.search(pattern, re.sub(r"\s+", " ", text), re.IGNORECASE)
    return found[1] if found else ""


def named(note: str) -> tuple[str, str]:
    """The name of a source and what it says: parted at the first colon."""
    name, colon, statement = LINK.sub("", note).partition(": ")
    if colon and len(name) <= 90:
        return name.strip(), statement.strip()
    return shortened(note, 60), note


def _short_answer(request: str, notes: list[str]) -> str:
    asked = ", ".join(terms(request, 5))
    if not notes:
        return (
            f"The question is about {asked}. The request names no dated source, so what follows "
            "orders what it says itself and marks what has to be looked up."
        )
    years = sorted(YEAR.findall(" ".join(notes)))
    span = f"from {years[0]} to {years[-1]}" if years else "without a date"
    first, last = named(notes[0]), named(notes[-1])
    return (
        f"The question is about {asked}. {len(notes)} sources {span} speak to it. The earliest "
        f"point to know is from {first[0]}: {first[1]} The closest to your own case is "
        f"{last[0]}: {last[1]}"
    )

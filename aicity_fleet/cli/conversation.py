"""How a team's conversation looks in a terminal. What strangers wrote cannot steer it."""

from __future__ import annotations

from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from aicity_fleet.cli.display import console, foreign
from aicity_fleet.team.said import Hear, Said

__all__ = ["Hear", "headline", "show"]

TITLES = {
    "order": "gives out the order",
    "ask": "asks again",
    "words": "says",
    "call": "calls",
    "result": "gets",
    "verdict": "ends the run",
}


def show(said: Said) -> None:
    """Print one utterance."""
    title = f"{said.speaker} {TITLES[said.kind]}" + (f" {said.tool}" if said.tool else "")
    console.rule(foreign(title), align="left", style="cyan")
    if said.kind == "call" and said.tool == "submit":
        body = Markdown("".join(char for char in said.text if char.isprintable() or char in "\n\t"))
        console.print(Padding(body, (0, 0, 0, 2)))
    else:
        console.print(Padding(foreign(said.text or "(nothing)"), (0, 0, 0, 2)))


def headline(text: str) -> None:
    """Print a line above what follows."""
    console.print(Text(text, style="bold"))

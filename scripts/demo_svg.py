#!/usr/bin/env python3
"""Renders docs/demo.svg, the README's screenshot, from the recorded demo run in docs/demo.json.

    .venv/bin/python scripts/demo_svg.py             render the recorded run with today's display code
    .venv/bin/python scripts/demo_svg.py --record    run the demo first, and record it

A test renders it again and compares, so a change of the display fails until this script is run.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from aicity_fleet.cli.demo import summarize
from aicity_fleet.simulator.demo import DemoResult

DOCS = Path(__file__).resolve().parents[1] / "docs"
COLUMNS = 100

THEME = TerminalTheme(
    background=(13, 17, 23),
    foreground=(201, 209, 217),
    normal=[
        *((72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34)),
        *((88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)),
    ],
)


def record() -> None:
    """Run the demo and write down what it came to.

    Raises:
        CalledProcessError: The demo failed.
    """
    argv = [sys.executable, "-m", "aicity_fleet.cli", "demo", "--json"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    result = json.loads(done.stdout)
    (DOCS / "demo.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


def render() -> str:
    """Return the summary of the recorded run as an SVG without web fonts."""
    recorded = json.loads((DOCS / "demo.json").read_text("utf-8"))
    result = DemoResult(
        rows=recorded["tasks"],
        profile_before=recorded["profile_before"],
        profile_after=recorded["profile_after"],
        faults=recorded["faults"],
    )
    screen = Console(
        record=True,
        markup=False,
        file=io.StringIO(),
        width=COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    screen.print("$ make demo", style="bold")
    summarize(result, screen)
    svg = screen.export_svg(title="aicity-fleet", theme=THEME, unique_id="demo")
    svg = re.sub(r"<!--.*?-->|@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no web fonts
    return svg.replace("Fira Code", "ui-monospace").replace("\u00a0", "&#160;").strip() + "\n"


def main() -> None:
    """Render, and record first where that was asked for."""
    if sys.argv[1:] == ["--record"]:
        record()
    (DOCS / "demo.svg").write_text(render(), "utf-8")


if __name__ == "__main__":
    main()

"""Renders docs/dashboard.png: what the dashboard shows of a run under load.

A real Prometheus with the project's configuration scrapes a real fleet on the simulator. Grafana's own
components draw what the dashboard's queries give, in a real browser. Grafana itself has no part in it.

Everything but the picture stays in build/dashboard, what npm downloads included.

examples:
  make dashboard-picture                       run a fleet for 12 minutes, then draw
  make dashboard-picture ARGS="--draw-only"    draw the latest run again, with the dashboard of today
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from picture.load import record
from picture.page import bundle, take_picture, write_data
from support.prometheus import serving
from support.source_files import ROOT

FOLDER = ROOT / "build" / "dashboard"
PICTURE = ROOT / "docs" / "dashboard.png"
RUN = FOLDER / "run.json"
"""When the latest run began and ended."""

NEEDED = ("npm", "prometheus", "chromium")
"""Programs that have to be installed. Debian's packages have the same names."""


def main() -> None:
    """Record a run, unless the latest is to be drawn again, and draw it."""
    parser = argparse.ArgumentParser(
        prog="python -m picture",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--draw-only", action="store_true", help="draw the latest run again")
    args = parser.parse_args()
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        sys.exit(
            f"The picture needs {', '.join(missing)}. On Debian: apt install {' '.join(missing)}"
        )
    if args.draw_only and not RUN.is_file():
        sys.exit("There is no run to draw. Leave out --draw-only.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not args.draw_only:
        RUN.unlink(missing_ok=True)
        RUN.write_text(json.dumps(record(FOLDER)), "utf-8")
    with serving(FOLDER) as server:
        empty = write_data(FOLDER, server, *json.loads(RUN.read_text("utf-8")))
    bundle(FOLDER)
    take_picture(FOLDER, PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}, {PICTURE.stat().st_size // 1000} KB")
    if empty:
        print(f"Nothing to draw in: {', '.join(empty)}")


if __name__ == "__main__":
    main()

"""The dashboard as a page: what its queries gave, drawn by Grafana's own components in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from support.prometheus import Prometheus, dashboard, panels

PACKAGES = {
    "@grafana/ui": "13.2.3",
    "@grafana/data": "13.2.3",
    "@fontsource/inter": "5.3.0",
    "react": "19.3.1",
    "react-dom": "19.3.1",
    "esbuild": "0.28.2",
}
"""What npm installs into the folder of the picture."""

STEP = 15
"""How often ``deploy/prometheus`` scrapes, in seconds. It is the least step of a graph in Grafana."""

ROW, GAP, WIDTH = 30, 8, 1400
"""The height of a row of the dashboard, the room between two of them, and the width, in pixels."""

HTML = """<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="bundle.css">
<div id="root"></div>
<script src="data.js"></script>
<script src="bundle.js"></script>
"""


def write_data(folder: Path, server: Prometheus, began: float, ended: float) -> list[str]:
    """Write what each query gives over the run, as a script of the page.

    Returns:
        The titles of the panels for which there is nothing to draw.
    """
    start, end = (moment // STEP * STEP for moment in (began, ended))
    found: dict[int, list[dict[str, Any]]] = {}
    for panel in panels():
        found[panel["id"]] = []
        for target in panel["targets"]:
            # Grafana's rule: four scrapes.
            expr = target["expr"].replace("$__rate_interval", f"{4 * STEP}s")
            first = end if target.get("instant") else start
            for series in server.query_range(expr, first, end, STEP):
                found[panel["id"]].append(_series(target, series))
    data = {
        "dashboard": dashboard(),
        "panels": found,
        **{"from": start * 1000, "to": end * 1000, "step": STEP * 1000},
        **{"row": ROW, "gap": GAP, "width": WIDTH},
    }
    (folder / "data.js").write_text(f"const DATA = {json.dumps(data)};\n", "utf-8")
    return [panel["title"] for panel in panels() if not found[panel["id"]]]


def _series(target: dict[str, Any], series: dict[str, Any]) -> dict[str, Any]:
    """Return a series as the page takes it, with its name in the legend."""
    labels = series["metric"]
    return {
        "refId": target["refId"],
        "name": re.sub(r"{{(\w+)}}", lambda match: labels[match[1]], target["legendFormat"]),
        "labels": labels,
        "times": [round(moment * 1000) for moment, _ in series["values"]],
        "values": [None if value == "NaN" else float(value) for _, value in series["values"]],
    }


def bundle(folder: Path) -> None:
    """Make one script of ``page.jsx`` and the components, which are installed first if they are not."""
    names = [f"{name}@{version}" for name, version in PACKAGES.items()]
    mark, modules = folder / "installed", folder / "node_modules"
    if not mark.is_file() or mark.read_text("utf-8") != " ".join(names):
        print("npm installs Grafana's components, once: some minutes, 500 MB.", file=sys.stderr)
        (folder / "package.json").write_text('{"private": true}\n', "utf-8")
        npm = ["npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
        # Some of Grafana's own dependencies do not say yet that they take React 19.
        _run(folder, [*npm, "--legacy-peer-deps", "--loglevel=error", *names])
        mark.write_text(" ".join(names), "utf-8")
    fonts = folder / "fonts" / "inter"  # where the components look for them
    fonts.mkdir(parents=True, exist_ok=True)
    for weight, name in ((400, "Regular"), (500, "Medium")):
        file = modules / f"@fontsource/inter/files/inter-latin-{weight}-normal.woff2"
        shutil.copy(file, fonts / f"Inter-{name}.woff2")
    shutil.copy(Path(__file__).with_suffix(".jsx"), folder)
    esbuild = [str(modules / ".bin" / "esbuild"), "page.jsx", "--bundle", "--outfile=bundle.js"]
    esbuild += ["--jsx=automatic", "--log-level=error", "--loader:.ttf=empty"]
    _run(folder, [*esbuild, '--define:process.env.NODE_ENV="production"'])


def take_picture(folder: Path, picture: Path) -> None:
    """Show the page in a browser, and save what it shows as a PNG."""
    (folder / "page.html").write_text(HTML, "utf-8")
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels())
    size = f"{WIDTH + 2 * GAP},{rows * (ROW + GAP) + GAP}"
    browser = ["chromium", "--headless", "--hide-scrollbars", "--disable-lcd-text"]
    browser += ["--virtual-time-budget=20000", f"--screenshot={picture}"]
    browser += [f"--user-data-dir={folder / 'browser'}", f"--window-size={size}"]
    if os.geteuid() == 0:
        browser.append("--no-sandbox")  # otherwise it refuses to run as root
    _run(folder, [*browser, (folder / "page.html").as_uri()])
    with Image.open(picture) as shown:  # 256 colours look the same, and take a third of the bytes
        few = shown.convert("RGB").quantize(256, kmeans=1, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def _run(folder: Path, argv: Sequence[str]) -> None:
    """Run a program in the folder; its output is only shown when it fails."""
    done = subprocess.run(
        argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    name = Path(argv[0]).name
    (folder / f"{name}.log").write_text(done.stdout, "utf-8")
    if done.returncode:
        sys.exit(f"{name} failed. The end of its output:\n{done.stdout[-3000:]}")

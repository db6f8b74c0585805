"""The process in which a local model runs: llama.cpp's server on loopback, until the parent goes away.

Run by path, so it imports nothing of llmledger. It is told the model as arguments, answers with one line on stdout (the
address), and ends at once when its stdin ends, which happens however the parent dies.
"""

import json
import os
import sys
import threading

CONTEXT_TOKENS = 8192
LONGEST_ANSWER = 1024
"""Tokens of an answer when the request names no limit: a small model may repeat itself and never find an end."""
ERRORS_ONLY = 1
THREADS = max(1, (os.cpu_count() or 2) // 2)
"""llama.cpp's threads wait for each other by spinning: one that shares its core with another program stops all of them.
With a thread on each of two busy cores, 30 tokens took 4 to 14 s; with one thread, 0.5 s."""


def main(model_path: str, name: str, sampling: str) -> None:
    """Serve one model until stdin ends; `sampling` is JSON of what a request may leave out."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints is no answer of ours
    watcher = threading.Thread(target=_end_with_parent)
    watcher.start()

    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = model_path
    params.model_alias = {name}
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.n_predict = LONGEST_ANSWER
    for key, value in json.loads(sampling).items():
        setattr(params.sampling, key, value)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.warmup = False
    params.fit_params = False
    params.verbosity = ERRORS_ONLY
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    try:
        server = Server(params)
    except RuntimeError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.stderr.flush()
        os._exit(1)
    answers.write(f"{server.listening_address}\n")
    answers.flush()
    watcher.join()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Fuzzing with bytes: atheris, which is libFuzzer, is guided by what of `gateway` an input reaches.

It runs in a process of its own, because libFuzzer never gives one back.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.settings import data_folder

_ROOT = Path(__file__).parents[1]
_MAX_BYTES = 20_000
_HANGS_S = 20
_GRACE_S = 120
"""For instrumenting the product's code and reading the corpus."""


def run(*, seconds: float, seed: int, folder: Path) -> bool:
    """Fuzz for some time; say whether all went well. What does not is written to `folder` by libFuzzer."""
    found, corpus = folder / "bytes", folder / "bytes-corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    for name, body in corpus_files():
        (corpus / name).write_bytes(body)
    before = {path: path.stat().st_mtime_ns for path in found.iterdir()}
    options = {
        "max_total_time": int(seconds),
        "seed": seed or 1,  # libFuzzer takes 0 for a random one
        "max_len": _MAX_BYTES,
        "timeout": _HANGS_S,
        "rss_limit_mb": 2048,
        "artifact_prefix": f"{found}/",
        "print_final_stats": 1,
        "dict": Path(__file__).with_name("xml.dict"),
    }
    command = [
        sys.executable,
        "-m",
        "fuzz.target",
        str(corpus),
        *(f"-{name}={value}" for name, value in options.items()),
    ]
    done = subprocess.run(command, cwd=_ROOT, timeout=seconds + _GRACE_S, check=False)
    new = [path for path in sorted(found.iterdir()) if before.get(path) != path.stat().st_mtime_ns]
    for path in new:
        print(f"  {path}")
    return done.returncode == 0 and not new


def corpus_files() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every fixture, valid or not, and of hostile messages where there are some."""
    folders = [data_folder("fixtures")]
    if published := os.environ.get("AMTSBOTE_MATERIAL"):
        folders.append(Path(published) / "bad-inputs")
    for folder in folders:
        for path in sorted(folder.rglob("*.xml")):
            if path.stat().st_size <= _MAX_BYTES:
                yield "-".join(path.relative_to(folder).parts), path.read_bytes()

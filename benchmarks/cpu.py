"""Processor time and memory of processes, from /proc."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Pids = Mapping[str, Sequence[int]]
"""What to count together → the processes, whose descendants are counted with them."""


def read_cpu_s(groups: Pids) -> dict[str, float]:
    """Read how much processor time each group has used so far, and this process, which is the load.

    Zero where there is no /proc, as for a server in a container.
    """
    children = _children()
    used = {name: sum(_used_s(pid, children) for pid in pids) for name, pids in groups.items()}
    return used | {"load": time.process_time()}


def used_since(before: Mapping[str, float], groups: Pids) -> dict[str, float]:
    """Read how much processor time each group has used since it was read before."""
    return {name: used_s - before[name] for name, used_s in read_cpu_s(groups).items()}


def read_resident_bytes(pid: int) -> int:
    """Read how much memory a process occupies."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def _used_s(pid: int, children: Mapping[int, Sequence[int]]) -> float:
    fields = _stat(pid)
    # With that of ended children: a sum over a tree never falls when one of them ends.
    own = sum(map(int, fields[11:15])) * _TICK_S if fields else 0.0
    return own + sum(_used_s(child, children) for child in children.get(pid, ()))


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            found.setdefault(int(fields[1]), []).append(int(entry.name))
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat behind the name: state, parent, …; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

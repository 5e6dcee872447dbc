"""`python -m chaos.launch MUTATION serve`: the command line of the product, with one fault put into it.

`none` puts none into it. On SIGUSR2 every task writes where it waits to standard error.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from typing import Any

from chaos.mutations import MUTATIONS
from gateway.cli import main


def _where(task: asyncio.Task[Any]) -> Iterator[str]:
    yield f"task {task.get_name()}"
    waits: Any = task.get_coro()
    while waits is not None:
        frame = getattr(waits, "cr_frame", None) or getattr(waits, "gi_frame", None)
        if frame:
            yield f"    {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        waits = getattr(waits, "cr_await", None) or getattr(waits, "gi_yieldfrom", None)


def _dump(*_: object) -> None:
    for task in asyncio.all_tasks():
        sys.stderr.write("\n".join([*_where(task), ""]))


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, _dump)
    MUTATIONS.get(sys.argv.pop(1), lambda: None)()
    main()

"""What anything in this process writes to standard error, also code that is not Python's."""

import os
import tempfile
from types import TracebackType
from typing import Self


class Overheard:
    """Standard error of the process, caught while used as a context."""

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile()
        self._before = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        self._seen = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.dup2(self._before, 2)
        os.close(self._before)
        self._file.close()

    def since_last(self) -> str:
        """Return what was written since the last call."""
        size = os.fstat(self._file.fileno()).st_size
        written = os.pread(self._file.fileno(), size - self._seen, self._seen)
        self._seen = size
        return written.decode(errors="replace")

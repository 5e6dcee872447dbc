"""The disk floor: what must stay free where this process writes, so that what is under way can end."""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

_LOOK_AGAIN_S = 1.0


class DiskFloor:
    """Watches the file systems of some folders; a database on another machine is not seen.

    Args:
        folders: those that do not exist yet are looked for where they would be made.
        min_free_bytes: the floor; 0 watches nothing.
    """

    def __init__(self, folders: Iterable[Path], min_free_bytes: int) -> None:
        self._folders = {_existing(folder) for folder in folders}
        self._min_free_bytes = min_free_bytes
        self._free_bytes = 0
        self._looked_at = -_LOOK_AGAIN_S

    @property
    def free_bytes(self) -> int:
        """What is free at the fullest place, as of at most a second ago."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_S:
            self._free_bytes = min(shutil.disk_usage(folder).free for folder in self._folders)
            self._looked_at = now
        return self._free_bytes

    @property
    def reached(self) -> bool:
        """Say whether less is free than must stay free."""
        return self.free_bytes < self._min_free_bytes

    @property
    def reason(self) -> str:
        """Say it to an operator."""
        return (
            f"Only {self.free_bytes} bytes are free on the disk, fewer than the {self._min_free_bytes} of "
            "AMTSBOTE_MIN_FREE_BYTES: nothing new is accepted, the rest goes on."
        )


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.is_dir())

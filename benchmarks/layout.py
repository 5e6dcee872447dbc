"""Which processes the gateway runs as: what is tuned to a machine, and printed beside every figure."""

from collections.abc import Sequence
from dataclasses import dataclass

ROLES = ("http", "relay", "reports")


@dataclass(frozen=True, slots=True)
class Layout:
    """One entry for each gateway process: the roles that it runs."""

    processes: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> "Layout":
        """Read `http+reports,http,relay`; `all` is a process with every role.

        Raises:
            ValueError: a role that there is not, or one that no process runs.
        """
        processes = tuple(ROLES if part == "all" else tuple(part.split("+")) for part in text.split(","))
        named = {role for roles in processes for role in roles}
        if named != set(ROLES):
            raise ValueError(f"{text}: every role of {', '.join(ROLES)} is needed, and no other")
        return cls(processes)

    def __str__(self) -> str:
        counted = [(roles, self.processes.count(roles)) for roles in dict.fromkeys(self.processes)]
        return ", ".join(f"{count} × serve ({title(roles)})" for roles, count in counted)


def title(roles: Sequence[str]) -> str:
    """Name a process by its roles."""
    return "every role" if set(roles) == set(ROLES) else "+".join(roles)


LAYOUT = Layout.parse("http+reports,http,relay")
"""How the figures are measured."""
EMBEDDED = Layout.parse("all")
"""SQLite and the in-process broker bear one process."""

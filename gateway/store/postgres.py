"""Connections to PostgreSQL that nobody waits for longer than they meant to."""

from typing import Any

import psycopg


class HangUp(psycopg.AsyncConnection[Any]):
    """Hangs up when a wait for it is called off.

    psycopg would ask the server to cancel the statement and wait ten seconds more for a server that does
    not answer. One that does ends the statement by itself (`statement_timeout`).
    """

    async def cancel_safe(self, *, timeout: float = 0) -> None:
        """Close the connection instead: psycopg calls this when a task is cancelled within a statement."""
        self.pgconn.finish()

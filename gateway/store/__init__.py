"""The store: it decides, the broker carries. One SqlStore serves PostgreSQL and SQLite.

Statements are grouped by noun: `accept`, `deliveries`, `cases`, `reports`, `mailbox`, `reads`. Each
function takes the connection of a transaction that `SqlStore.write` or `SqlStore.read` opened.
"""

from gateway.store.engine import SqlStore

__all__ = ["SqlStore"]

"""The operators' console: what waits and why, and one case's way; readable without script.

It shows ids, codes and sizes, never what a message contains, and to each operator only their tenants.
"""

from gateway.http.console.routes import router
from gateway.http.console.sessions import Sessions
from gateway.http.console.standards import Tally

__all__ = ["Sessions", "Tally", "router"]

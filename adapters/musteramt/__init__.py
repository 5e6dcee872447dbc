"""Musteramt: the sample specialist application (Fachverfahren), with a clerk's page and an adapter.

It shows what an adapter has to do, and gives the demo somebody who decides. It is not a product: it keeps
its register unencrypted and knows no users.
"""

from adapters.musteramt.adapter import Musteramt

__all__ = ["Musteramt"]

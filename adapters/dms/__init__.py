"""The document management system as a folder tree: every message of a case, filed once."""

from adapters.dms.adapter import Dms

__all__ = ["Dms"]

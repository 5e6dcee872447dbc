"""HTTP: the portals' and adapters' API, tokens, problem reports and their pages.

A request becomes one call of `gateway.intake` or a few reads of `gateway.store`; nothing is decided here.
"""

"""What crosses a process border: envelopes, headers, report types, states and codes.

Imports pydantic only, so that an adapter in another process can use it without the gateway.
"""

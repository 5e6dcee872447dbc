"""The demo: the whole way on one machine, with a portal that posts every sample and answers queries."""

from gateway.demo.run import run_demo

__all__ = ["run_demo"]

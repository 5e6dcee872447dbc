"""Send what is due, retry, take dead letters, and find what nothing else would wake."""

from gateway.delivery.dead_letters import DeadLetters
from gateway.delivery.relay import Relay
from gateway.delivery.sweep import Sweep
from gateway.delivery.taps import Taps

__all__ = ["DeadLetters", "Relay", "Sweep", "Taps"]

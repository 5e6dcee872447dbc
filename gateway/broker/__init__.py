"""Carries messages between gateway and adapters: by RabbitMQ, or inside this process."""

from gateway.broker.memory import MemoryBroker
from gateway.broker.protocol import Broker, Consumer, Handler, Outcome, QueueDepth
from gateway.broker.rabbit import RabbitBroker
from gateway.broker.topology import Topology

__all__ = [
    "Broker",
    "Consumer",
    "Handler",
    "MemoryBroker",
    "Outcome",
    "QueueDepth",
    "RabbitBroker",
    "Topology",
]

"""Translates what the AMQP library raises, and keeps what is lost with a connection running again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import AMQPError, DeliveryError, PublishError

from gateway.errors import BrokerUnavailable, MessageReturned, QueueFull


@contextmanager
def translated() -> Iterator[None]:
    """Raise the broker's errors of `gateway.errors` for those of aio-pika and aiormq.

    aiormq fails whoever waits on a closed channel with what closed it: an AMQP error, a bare Exception, or
    even CancelledError in a task that nobody cancelled. A node, or what stands before it, that takes a
    connection and hangs up at once comes as StopAsyncIteration.
    """
    try:
        yield
    except PublishError as error:
        raise MessageReturned from error
    except DeliveryError as error:
        raise QueueFull from error
    except (AMQPError, OSError, TimeoutError, RuntimeError, StopAsyncIteration) as error:
        raise BrokerUnavailable(_detail(error)) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable(_detail(error)) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise BrokerUnavailable(_detail(error)) from error


def _detail(error: BaseException) -> str:
    return f"{BrokerUnavailable.__doc__} ({type(error).__name__})"

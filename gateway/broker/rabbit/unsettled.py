"""What one channel has been given and not settled yet."""

import asyncio
from itertools import takewhile

from aiormq.abc import AbstractChannel


class Unsettled:
    """Settles by delivery tag; messages that are done at the same moment are acknowledged together.

    A batch of reports is done at once. RabbitMQ writes an acknowledgement of a quorum queue down as it does a
    message, and one for a run of messages costs it what one for a single message does.
    """

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._done: dict[int, bool] = {}
        """Every unsettled tag, in the order in which they came, which is that of the numbers."""

    def add(self, tag: int) -> None:
        """Take note of a message, in the order of arrival."""
        self._done[tag] = False

    async def ack(self, tag: int) -> None:
        """Acknowledge one; with it goes whatever else is done once the others have had their turn."""
        self._done[tag] = True
        await asyncio.sleep(0)
        if tag not in self._done:
            return
        run = list(takewhile(self._done.__getitem__, self._done))
        together = run if tag in run else [tag]
        for each in together:
            del self._done[each]
        # The broker says nothing to it, and what follows on the channel comes after it: no need to wait.
        await self._channel.basic_ack(together[-1], multiple=len(together) > 1, wait=False)

    async def reject(self, tag: int, *, requeue: bool) -> None:
        """Give one back, or up."""
        # Not nack: on 4.3 only a reject counts towards the delivery limit.
        await self._channel.basic_reject(tag, requeue=requeue, wait=False)
        del self._done[tag]

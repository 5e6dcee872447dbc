"""What is written to a connection at one moment goes out as one, and nothing of it is lost or overtaken."""

import asyncio
from typing import cast

from gateway.server import MAX_JOINED_BYTES, Joined


class Wire:
    """The transport behind: what it was given at one time is one entry."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.gone = False

    def is_closing(self) -> bool:
        return self.gone

    def writelines(self, pieces: list[bytes]) -> None:
        if self.gone:
            raise RuntimeError("the transport is closed")
        self.sent.append(b"".join(pieces))

    def close(self) -> None:
        self.sent.append(b"closed")


def joined() -> tuple[Joined, Wire]:
    wire = Wire()
    return Joined(cast(asyncio.Transport, wire)), wire


async def test_head_and_body_go_out_as_one():
    transport, wire = joined()
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]


async def test_next_answer_goes_out_by_itself():
    transport, wire = joined()
    for answer in (b"one", b"two"):
        transport.write(answer)
        await asyncio.sleep(0)
    assert wire.sent == [b"one", b"two"]


async def test_much_is_sent_at_once_and_in_order():
    transport, wire = joined()
    transport.write(b"head ")
    transport.write(b"x" * MAX_JOINED_BYTES)
    assert wire.sent == [b"head " + b"x" * MAX_JOINED_BYTES]
    transport.write(b"rest")
    await asyncio.sleep(0)
    assert wire.sent[1:] == [b"rest"]


async def test_close_sends_first_what_was_written():
    transport, wire = joined()
    transport.write(b"answer")
    transport.close()
    await asyncio.sleep(0)
    assert wire.sent == [b"answer", b"closed"]


async def test_nothing_is_sent_when_the_caller_has_gone_meanwhile():
    transport, wire = joined()
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    transport.write(b"answer")
    wire.gone = True
    await asyncio.sleep(0)
    assert (wire.sent, faults) == ([], [])

"""The tail of a log."""

from __future__ import annotations

import asyncio

import pytest

from evolver.sandbox.log_tail import LogTail


async def test_short_logs_are_whole() -> None:
    log = LogTail(100)
    log.add("grün".encode())
    assert log.text() == "grün"


@pytest.mark.parametrize("piece", [1, 7, 64, 1000])
async def test_long_logs_keep_their_last_bytes_and_little_memory(piece: int) -> None:
    log, text = LogTail(64), "".join(f"{i}\n" for i in range(1000))
    for start in range(0, len(text), piece):
        log.add(text[start : start + piece].encode())
        assert len(log._kept) <= 2 * 64 + piece
    assert log.text() == text[-64:]


async def test_a_tail_does_not_begin_inside_a_character() -> None:
    log = LogTail(5)
    log.add("ääää".encode())
    assert log.text() == "ää"
    log.add("öööö".encode())
    assert log.text() == "öö"


async def test_what_is_no_text_is_replaced() -> None:
    log = LogTail(50)
    log.add(b"a\xffb")
    assert log.text() == "a�b"


async def test_followers_get_everything_once_and_whole_characters() -> None:
    log, pieces = LogTail(100), []

    async def follow() -> None:
        async for piece in log.follow():
            pieces.append(piece)

    log.add(b"early ")
    readers = [asyncio.create_task(follow())]
    for byte in "grün".encode():
        log.add(bytes([byte]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    log.close()
    await asyncio.gather(*readers)
    assert "".join(pieces) == "early grün"
    assert [piece async for piece in log.follow()] == ["early grün"]


async def test_a_slow_follower_misses_what_was_dropped() -> None:
    log = LogTail(10)
    follower = log.follow()
    log.add(b"0123")
    assert await anext(follower) == "0123"
    log.add(b"x" * 1000 + b"the end!!!")
    log.close()
    assert await anext(follower) == "the end!!!"
    with pytest.raises(StopAsyncIteration):
        await anext(follower)

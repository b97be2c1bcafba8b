# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What only asyncio has: many at once, and tasks that are cancelled."""

import asyncio
import contextlib

import pytest

from imprint import AsyncClient


def test_many_at_once(server, label):
    async def main():
        async with AsyncClient(server.address) as client:
            texts = [f"Door {i} is shut." for i in range(8)]
            experiences = await asyncio.gather(
                *(client.inject(text, labels=label) for text in texts)
            )
            assert len({e.name for e in experiences}) == 8
            listed = [e.text async for e in client.experiences.list(labels=label, page_size=3)]
            assert sorted(listed) == sorted(texts)
            answers = await asyncio.gather(
                *(client.query("Hello?", max_tokens=6, version="base") for _ in range(4))
            )
            assert len(set(answers)) == 1

    asyncio.run(main())


def test_a_cancelled_task_cancels_its_answer(server, cancelled):
    async def main(seed):
        async with AsyncClient(server.address) as client:

            async def read():
                async for _ in client.stream("Go on.", max_tokens=900, temperature=2, seed=seed):
                    started.set()

            started = asyncio.Event()
            task = asyncio.create_task(read())
            await started.wait()
            task.cancel()
            # It may have had the whole answer before.
            with contextlib.suppress(asyncio.CancelledError):
                await task

    for seed in cancelled.attempts():
        asyncio.run(main(seed))


def test_a_cancelled_task_ends_its_wait(server, label):
    async def main():
        async with AsyncClient(server.address) as client:
            experience = await client.inject("Nobody asks.", labels=label, wait="ready")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.wait_for(experience), 0.2)

    asyncio.run(main())


def test_a_client_may_be_made_outside_of_the_loop(server):
    client = AsyncClient(server.address)

    async def main():
        async with client:
            return (await client.status()).model

    assert asyncio.run(main()) == "tiny-chat"
    with pytest.raises(ValueError, match="closed"):
        asyncio.run(client.status())

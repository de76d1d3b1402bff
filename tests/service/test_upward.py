"""What a worker asks its supervisor: bounded, however long the supervisor is silent."""

import asyncio

import pytest

from gonogo.errors import UnreachableError
from gonogo.service.upward import MOST_WAITING, Asking


def test_a_supervisor_that_hangs_is_asked_no_more_than_so_many_questions_at_a_time():
    async def main():
        said = []
        asking = Asking(lambda **message: said.append(message))
        waiting = [asyncio.create_task(asking.ask("load", release="small@1.0.0")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(UnreachableError, match="owes 64 answers"):
            await asking.ask("totals")
        assert len(said) == MOST_WAITING
        asking.told({"id": said[0]["id"], "ok": True, "value": {"already": True}})
        assert await waiting[0] == {"already": True}
        asked = asyncio.create_task(asking.ask("totals"))
        await asyncio.sleep(0)
        asking.told({"id": said[-1]["id"], "ok": True, "value": {"faults": 0}})
        assert await asked == {"faults": 0}, "an answer makes room for the next question"
        for task in waiting[1:]:
            task.cancel()
        await asyncio.gather(*waiting[1:], return_exceptions=True)

    asyncio.run(main())

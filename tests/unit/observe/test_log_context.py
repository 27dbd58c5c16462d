"""Log records say which connection they are about, also those of tasks that its task starts."""

import asyncio
import logging

from smbquic.observe import log_context
from smbquic.observe.log_context import ContextFilter, LogContext, context_of


def record() -> logging.LogRecord:
    return logging.LogRecord("smbquic", logging.INFO, __file__, 1, "text", (), None)


def found() -> LogContext | None:
    made = record()
    assert ContextFilter().filter(made)
    return context_of(made)


async def test_each_task_has_its_connection() -> None:
    first, second = LogContext(1, "192.0.2.1:7", "c0ffee"), LogContext(2, "192.0.2.2:8")

    async def serve(context: LogContext) -> LogContext | None:
        log_context.enter(context)
        await asyncio.sleep(0)

        async def request() -> LogContext | None:
            return found()

        assert found() is context
        return await asyncio.create_task(request())

    before = found()
    tasks = [asyncio.create_task(serve(each)) for each in (first, second)]
    assert await asyncio.gather(*tasks) == [first, second]
    assert found() is before


def test_a_record_that_no_filter_has_seen() -> None:
    assert context_of(record()) is None

"""Threads for work that may wait for long, so that it holds up nothing but its own kind."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """`count` of them, apart from those that `asyncio.to_thread` shares among everybody."""

    def __init__(self, name: str, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, name)

    async def run(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Do `work` in one of them when there is a free one."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*arguments, **options))

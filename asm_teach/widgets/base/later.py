"""Calls that wait their turn on the notebook's loop, so that a busy moment is not made busier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Later:
    """Calls put off by some seconds, each under a name. Without a notebook's loop around they are made at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.TimerHandle] = {}

    def call(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Call the action later, in place of one that waits under this name already."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            action()  # no notebook around us: nothing to wait for
            return
        if name in self._waiting:
            self._waiting[name].cancel()

        def act() -> None:
            self._waiting.pop(name, None)
            action()

        self._waiting[name] = loop.call_later(seconds, act)

    def forget(self) -> None:
        """Make none of the calls that still wait."""
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

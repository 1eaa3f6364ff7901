"""How many 3D views are live, and how to free what one holds in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakValueDictionary

import ipywidgets

MOST_LIVE = 8  # a browser page draws no more 3D views than this at once


class Live(Protocol):
    """A view that can give up its place."""

    def retire(self) -> None: ...


# The browser's limit is one for the whole page, so the live views are counted in one place, oldest first.
live: WeakValueDictionary[int, Live] = WeakValueDictionary()


def enter(view: Live) -> None:
    """Count a new view; the oldest make room for it."""
    while len(live) >= MOST_LIVE:
        next(live.values()).retire()
    live[id(view)] = view


def leave(view: Live) -> None:
    """Count a view no longer."""
    live.pop(id(view), None)


def close_tree(held: Any, seen: set[int] | None = None) -> None:
    """Close every widget in `held`, and every widget those hold."""
    seen = set() if seen is None else seen
    if isinstance(held, ipywidgets.Widget):
        if id(held) not in seen:
            seen.add(id(held))
            inner = [getattr(held, key) for key in held.keys]
            held.close()
            close_tree(inner, seen)
    elif isinstance(held, Mapping):
        close_tree(list(held.values()), seen)
    elif isinstance(held, (list, tuple)):
        for one in held:
            close_tree(one, seen)

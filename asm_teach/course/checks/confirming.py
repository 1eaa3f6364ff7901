"""A diagnosis is given only if it holds for several inputs.

Every lookup that recognises a mistake passes its sentence through `named`. The exercise then asks its checker again
with other inputs, listening for that sentence only. If it does not come back, it had named the mistake by chance: it
is struck out, and the checker is asked once more without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STRUCK: ContextVar[frozenset[str]] = ContextVar("sentences that other inputs refuted", default=frozenset())
_ONLY: ContextVar[str | None] = ContextVar("the one sentence that may name a mistake", default=None)
_NAMED: ContextVar[list[str] | None] = ContextVar("sentences of the mistakes that were recognised", default=None)


@contextmanager
def listening(struck: frozenset[str] = frozenset(), only: str | None = None) -> Iterator[list[str]]:
    """In this block the sentences `struck` (or all but `only`) name no mistake; the list fills with those that do."""
    heard: list[str] = []
    tokens = _STRUCK.set(struck), _ONLY.set(only), _NAMED.set(heard)
    try:
        yield heard
    finally:
        _STRUCK.reset(tokens[0])
        _ONLY.reset(tokens[1])
        _NAMED.reset(tokens[2])


def struck(sentence: str) -> bool:
    """Whether this sentence may not name a mistake now: it was refuted, or another one is listened for."""
    only = _ONLY.get()
    return sentence in _STRUCK.get() or (only is not None and sentence != only)


def named(sentence: str) -> str | None:
    """Give a sentence that names a mistake, and note it; give None if it may not name one now."""
    if struck(sentence):
        return None
    heard = _NAMED.get()
    if heard is not None:
        heard.append(sentence)
    return sentence

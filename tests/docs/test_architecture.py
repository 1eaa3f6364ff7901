"""docs/architecture.md tells the truth: its modules exist, and its rooms are the rooms in their order."""

from __future__ import annotations

import re

from asm_teach.base.files import PACKAGE

PAGE = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_module_that_is_named_exists() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*/[a-z_0-9]+\.py)`", PAGE)
    assert len(set(named)) > 30
    missing = [name for name in named if not (PACKAGE / name).is_file() and not (PACKAGE.parent / name).is_file()]
    assert not missing


def test_every_room_is_named_in_the_order_of_the_imports() -> None:
    from tests.test_public_names import ROOMS

    table = re.findall(r"^\| (`\w+`(?: \\\| `\w+`)*) \|", PAGE, flags=re.MULTILINE)
    assert [re.findall(r"`(\w+)`", row) for row in table] == ROOMS


def test_the_walks_pass_through_all_rooms_that_compute() -> None:
    walks = PAGE.split("## Three walks")[1]
    for room in ("base", "geometry", "model", "rendering", "fitting", "scan_fit", "view_fit", "widgets", "drawing"):
        assert f"`{room}/" in walks, room

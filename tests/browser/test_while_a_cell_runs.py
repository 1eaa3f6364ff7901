"""When a widget hears what a person does while a cell runs: the order on which texts and widgets rely."""

from __future__ import annotations

import json

import pytest

from .conftest import Opener
from .harness import _APP, NO_BROWSER, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELL = """
import json, threading, time
import ipywidgets
pressed = []
button = ipywidgets.Button(description="Press")
button.on_click(lambda _: pressed.append([time.monotonic(), threading.current_thread() is threading.main_thread()]))
button
"""


def test_a_button_that_is_pressed_while_a_cell_runs_is_heard_afterwards_in_the_main_thread(open_cells: Opener) -> None:
    """JupyterLab offers widgets a thread of their own, and ipykernel answers in the one whose cell showed the widget.

    Should that change, buttons act during `FitWatcher.wait`, and widgets need locks.
    """
    page = open_cells("meanwhile.ipynb", [CELL])
    page.page.evaluate(
        f"(code) => {{ {_APP} panel.sessionContext.session.kernel.requestExecute({{code, store_history: false}}); }}",
        "time.sleep(4); end = time.monotonic()",
    )
    page.page.wait_for_timeout(500)
    page.show("button:has-text('Press')").click()
    ended, ((heard, in_main),) = json.loads(page.evaluate("print(json.dumps([end, pressed]))"))
    assert heard >= ended and in_main
    assert page.problems() == []

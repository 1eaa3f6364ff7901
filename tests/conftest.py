"""Fixtures shared by all tests: the device, the seed, and a list of what was skipped and why."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

NO_GPU = "no GPU: CUDA is not available"

# What tests and notebooks try is nobody's progress; kernels that they start inherit this.
_progress = tempfile.mkdtemp(prefix="asm-teach-progress-")
atexit.register(shutil.rmtree, _progress, ignore_errors=True)
os.environ["ASM_TEACH_PROGRESS"] = os.path.join(_progress, "progress.json")

settings.register_profile(
    "quick",
    max_examples=25,
    deadline=None,  # the first call of a torch function can take a second: that says nothing about an example
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("quick")


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device in turn: a test that takes it runs on the CPU and, where there is one, on the GPU."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip(NO_GPU)
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Each test starts from the same random numbers, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread, so that a ratio of two times does not depend on how many cores are idle."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fake_mediapipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A stand-in for MediaPipe, as `import mediapipe` finds it; also checks that every detector was closed."""
    from .fake_mediapipe import Detector, module

    monkeypatch.setitem(sys.modules, "mediapipe", module())
    yield sys.modules[Detector.__module__]
    assert Detector.opened == 0


# Every run ends with a list of what was skipped and why. With ASM_TEACH_STRICT_SKIPS=1, as in .ci/run, a skip
# for any other reason than a missing GPU fails the run: a test that silently does not run protects nothing.


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason once, with the tests that gave it, file by file."""
    skipped = _skipped(terminalreporter)
    by_reason: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for nodeid, reason in skipped:
        file, _, test = nodeid.partition("::")
        by_reason[reason][file][test.partition("[")[0] or "the whole file"] += 1
    terminalreporter.section("skipped")
    if not skipped:
        terminalreporter.write_line("nothing was skipped")
    for reason, files in by_reason.items():
        terminalreporter.write_line(f"{sum(c.total() for c in files.values())} skipped: {reason}", yellow=True)
        for file, tests in files.items():
            names = [f"{test} ({count} cases)" if count > 1 else test for test, count in tests.items()]
            terminalreporter.write_line(f"    {file}: {', '.join(names)}")
    if _strict() and _forbidden(skipped):
        terminalreporter.write_line("FAILED: only tests that need a GPU may be skipped here", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn a passed run with a forbidden skip into a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and _strict() and reporter and _forbidden(_skipped(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _strict() -> bool:
    return os.environ.get("ASM_TEACH_STRICT_SKIPS") == "1"


def _forbidden(skipped: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(nodeid, reason) for nodeid, reason in skipped if not reason.startswith("no GPU")]


def _skipped(reporter: pytest.TerminalReporter) -> list[tuple[str, str]]:
    """Name and reason of each skipped test; pytest keeps a skip as (file, line, "Skipped: reason")."""
    rows = []
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        rows.append((report.nodeid, reason.removeprefix("Skipped: ")))
    return rows

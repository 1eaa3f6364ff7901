"""Fixtures shared by all tests: the device, the seed, and a list of what was skipped and why."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

NO_GPU = "no GPU: CUDA is not available"

settings.register_profile(
    "quick",
    max_examples=25,
    deadline=None,  # the first call of a torch function can take a second; the time of one example says nothing
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("quick")


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device this machine has: a test that takes it runs on the CPU and, where there is one, on the GPU."""
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
def one_thread():
    """Torch on one thread, so that a ratio of two times does not depend on how many cores are idle."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter) -> None:
    """List every skipped test with its reason, also when nothing else is printed."""
    skipped = _skip_reasons(terminalreporter)
    terminalreporter.section("skipped")
    if not skipped:
        terminalreporter.write_line("nothing was skipped")
    for name, reason in skipped:
        terminalreporter.write_line(f"{name}: {reason}")
    if _strict() and (bad := _not_allowed(skipped)):
        terminalreporter.write_line(f"ERROR: {len(bad)} skipped for another reason than a missing GPU", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With ASM_TEACH_STRICT_SKIPS=1 a skip that is not for a missing GPU fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _strict() and exitstatus == 0 and reporter and _not_allowed(_skip_reasons(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _strict() -> bool:
    return os.environ.get("ASM_TEACH_STRICT_SKIPS") == "1"


def _not_allowed(skipped: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, reason) for name, reason in skipped if not reason.startswith("no GPU")]


def _skip_reasons(reporter) -> list[tuple[str, str]]:
    """Name and reason of each skipped test: a skip is reported as (file, line, "Skipped: reason")."""
    rows = []
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        rows.append((report.nodeid, reason.removeprefix("Skipped: ")))
    return rows

"""The run lists what it skipped and why, and in strict mode lets nothing but a missing GPU pass."""

from __future__ import annotations

from pathlib import Path

import pytest

CASES = {
    "test_gpu": 'import pytest\ndef test_a():\n    pytest.skip("no GPU: CUDA is not available")\n',
    "test_browser": 'import pytest\n@pytest.mark.skip(reason="no browser here")\ndef test_b():\n    pass\n',
    "test_module": 'import pytest\npytest.skip("data missing", allow_module_level=True)\n',
    "test_none": "def test_c():\n    pass\n",
}


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run some of the cases under our conftest.py, in this process: a new one would import torch again."""

    def inner(*names: str, strict: bool) -> tuple[int, str]:
        monkeypatch.setenv("ASM_TEACH_STRICT_SKIPS", "1" if strict else "")
        pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
        pytester.makepyfile(**{name: CASES[name] for name in names})
        result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider")
        return result.ret, result.stdout.str()

    return inner


def test_a_missing_gpu_is_listed_and_allowed(run) -> None:
    code, out = run("test_gpu", "test_none", strict=True)
    assert code == pytest.ExitCode.OK
    assert "1 skipped: no GPU: CUDA is not available" in out
    assert "test_gpu.py: test_a" in out


@pytest.mark.parametrize(
    ("case", "reason", "test"),
    [("test_browser", "no browser here", "test_b"), ("test_module", "data missing", "the whole file")],
)
def test_any_other_skip_fails_a_strict_run_only(run, case: str, reason: str, test: str) -> None:
    code, out = run(case, "test_none", strict=True)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert f"1 skipped: {reason}" in out
    assert f"{case}.py: {test}" in out
    assert "only tests that need a GPU may be skipped" in out
    assert run(case, "test_none", strict=False)[0] == pytest.ExitCode.OK


def test_a_run_without_skips_says_so(run) -> None:
    code, out = run("test_none", strict=True)
    assert code == pytest.ExitCode.OK
    assert "nothing was skipped" in out

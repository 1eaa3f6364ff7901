"""One module alone imports the 3D library, and opening it early on the page loads neither PyTorch nor the viewer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asm_teach


def test_one_module_imports_the_3d_library() -> None:
    package = Path(asm_teach.__file__).parent
    found = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if line.split()[:2] in (["import", "pythreejs"], ["from", "pythreejs"])
    ]
    assert found == ["widgets/base/three.py"]


def test_the_page_is_asked_for_its_library_before_pytorch_is_loaded() -> None:
    code = (
        "import sys, asm_teach.widgets.base.early as early; loaded = set(sys.modules)\n"
        "assert 'pythreejs' in loaded and not loaded & {'torch', 'matplotlib', 'asm_teach.widgets.viewer.scene'}\n"
        "assert all(widget.comm is not None for widget in early.OPENED)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_view_is_there_without_what_only_fits_need() -> None:
    code = (
        "import sys; from asm_teach.widgets import Viewer\n"
        "assert 'torch' in sys.modules and not set(sys.modules) & {'scipy', 'trimesh', 'matplotlib.figure'}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

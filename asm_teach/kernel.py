"""IPython's own kernel, which imports what every lesson needs while its reader still reads.

`asm-teach lab` and Binder give it out as Python 3 by `jupyter_path`: `python -m asm_teach.kernel -f CONNECTION`.
"""

from __future__ import annotations

import os
import threading
from importlib import import_module
from pathlib import Path

SPEC = Path(__file__).parent / "kernel_spec"
# The long ones, in the order in which a first cell asks for them. A cell that imports one meanwhile waits for the rest.
AHEAD = ("torch", "ipywidgets", "pythreejs", "anywidget", "roma", "matplotlib.figure")


def jupyter_path() -> str:
    """What JUPYTER_PATH must be for Jupyter to start this kernel under the name python3."""
    return os.pathsep.join(filter(None, [str(SPEC), os.environ.get("JUPYTER_PATH")]))


def load_ahead() -> threading.Thread:
    """Import them in a thread, which ends with the first that is missing: the cell that needs it says so."""

    def load() -> None:
        try:
            for name in AHEAD:
                import_module(name)
        except ImportError:
            pass

    thread = threading.Thread(target=load, name="load ahead", daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Run the kernel."""
    from ipykernel.kernelapp import IPKernelApp

    class Kernel(IPKernelApp):
        def start(self) -> None:
            load_ahead()  # not before: the page waits for what happens until here
            super().start()

    Kernel.launch_instance()


if __name__ == "__main__":
    main()

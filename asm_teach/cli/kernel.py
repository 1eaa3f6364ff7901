"""IPython's own kernel, which imports what every lesson needs while its reader still reads.

`asm-teach lab` and Binder give it out as Python 3 by `jupyter_path`: `python -m asm_teach.cli.kernel -f CONNECTION`.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from pathlib import Path

SPEC = Path(__file__).parent / "kernel_spec"
# The long ones, in the order in which a first cell asks for them. A cell that imports one meanwhile waits for the rest.
AHEAD = ("torch", "ipywidgets", "pythreejs", "anywidget", "roma", "matplotlib.figure")


def jupyter_path() -> str:
    """What JUPYTER_PATH must be for Jupyter to start this kernel under the name python3."""
    return os.pathsep.join(filter(None, [str(SPEC), os.environ.get("JUPYTER_PATH")]))


def shadowed() -> set[str]:
    """Names of the reader's own files beside the notebook that an import would find before the modules meant."""
    return {path.stem for path in Path.cwd().glob("*.py")} & {
        *sys.stdlib_module_names,
        *(name.partition(".")[0] for name in AHEAD),
    }


def only_text() -> bool:
    """Whether the notebook that this kernel belongs to has nothing to run, as the glossary: it needs no PyTorch."""
    try:
        text = Path(os.environ.get("JPY_SESSION_NAME", "")).read_text(encoding="utf-8")
        return '"cell_type": "code"' not in text
    except (OSError, ValueError):  # Jupyter does not say which, or it cannot be read
        return False


def load_ahead() -> threading.Thread:
    """Import them in a thread, which ends with the first that cannot be: the cell that needs it says so.

    Where a file of the reader has such a name nothing is loaded: it is not run before its reader asks for it.
    """
    import logging  # not above: it imports modules whose names a file of the reader may have

    # In a new environment Matplotlib says in red, above the first face, that it looks for fonts.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

    def load() -> None:
        try:
            for name in () if shadowed() or only_text() else AHEAD:
                import_module(name)
        except Exception:  # also OSError, where a library of PyTorch is missing
            pass

    thread = threading.Thread(target=load, name="load ahead", daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Run the kernel."""
    # As ipykernel's own launcher does: a reader's `queue.py` beside the notebook must not be taken for Python's. The
    # folder is put back once the kernel is there.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    from ipykernel.kernelapp import IPKernelApp

    class AheadApp(IPKernelApp):
        def start(self) -> None:
            load_ahead()  # not before: the page waits for what happens until here
            super().start()

    AheadApp.launch_instance()


if __name__ == "__main__":
    main()

"""From `pip install` to the first face, in an empty environment: python tests/benchmarks/first_face.py; some minutes.

Builds the wheel, installs it into a new environment without pip's cache, writes the course into an empty folder and
runs its first notebook up to the first picture. Prints the seconds of each step. Nothing is taken from the checkout
but the wheel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FROM_HERE = ("PYTHONPATH", "ASM_TEACH_MIRROR", "ASM_TEACH_PROGRESS", "VIRTUAL_ENV")
FIRST_PICTURE = """
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read("00_start_here.ipynb", as_version=4)
client = NotebookClient(notebook, timeout=300)
with client.setup_kernel():
    for number, cell in enumerate(notebook.cells):
        client.execute_cell(cell, number)
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            print(f"cell {number} shows a face")
            break
    else:
        raise SystemExit("no cell shows a picture")
"""


def main() -> None:
    """Print the table."""
    env = {name: value for name, value in os.environ.items() if name not in FROM_HERE}
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        programs = empty / "venv" / ("Scripts" if os.name == "nt" else "bin")

        def step(name: str, program: str, *arguments: str | Path, cwd: Path = empty) -> None:
            begin, busy = time.perf_counter(), sum(os.times()[2:4])
            done = subprocess.run([programs / program, *arguments], env=env, cwd=cwd, capture_output=True, text=True)
            spent[name] = time.perf_counter() - begin
            if done.returncode:
                sys.exit(f"{name} fails:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            busy = sum(os.times()[2:4]) - busy  # of children that have ended
            said = done.stdout.strip().splitlines()[-1][:60]
            print(f"{name:40}{spent[name]:7.1f} s  {busy:6.1f} CPU s  {said}", flush=True)

        print(f"load at the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        venv.create(empty / "venv", with_pip=True)
        step("build the wheel (not counted)", "python", "-m", "pip", "wheel", "--no-deps", "-w", empty, ROOT)
        del spent["build the wheel (not counted)"]
        (wheel,) = empty.glob("asm_teach-*.whl")
        step("pip install", "python", "-m", "pip", "install", "--no-cache-dir", wheel)
        step("asm-teach course", "asm-teach", "course", "lessons")
        step("the first notebook to its first face", "python", "-c", FIRST_PICTURE, cwd=empty / "lessons")
        size = sum(file.stat().st_size for file in (empty / "venv").rglob("*") if file.is_file())
        print(f"{'together':40}{sum(spent.values()):7.1f} s; the environment has {size / 1e9:.1f} GB")


if __name__ == "__main__":
    main()

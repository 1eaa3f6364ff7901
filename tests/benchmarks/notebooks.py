"""What every notebook costs: python tests/benchmarks/notebooks.py [--offline] [04 05 ...]. Prints one table.

Each runs from top to bottom in a kernel of its own. Seconds of wall clock and of processor, and the most memory of the
kernel and its children, looked at ten times a second. With `--offline` it runs where no network and no mirror can be
reached (Linux: `unshare`, no rights needed) and its folder for fetched data is empty.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MOST_SECONDS, MOST_MIB, MOST_TOGETHER = 90, 1500, 600
FETCHED = ("ASM_TEACH_MIRROR", "ASM_TEACH_REDUCED")


class Watch(threading.Thread):
    """Processor seconds and most memory of this process's children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib, self.cpu, self.ended = 0.0, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            mib, cpu = 0.0, 0.0
            for child in psutil.Process().children(recursive=True):
                try:
                    times = child.cpu_times()
                    mib, cpu = mib + child.memory_info().rss / 2**20, cpu + times.user + times.system
                except psutil.NoSuchProcess:
                    pass
            self.mib, self.cpu = max(self.mib, mib), max(self.cpu, cpu)


def run(path: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and MiB of one notebook. A cell that fails raises."""
    notebook = nbformat.read(path, as_version=4)
    watch, start = Watch(), time.perf_counter()
    watch.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "ASM_TEACH_PROGRESS": str(Path(folder) / "progress.json")}
            resources = {"metadata": {"path": str(path.parent)}}
            NotebookClient(notebook, timeout=600, resources=resources).execute(env=env)
        wall = time.perf_counter() - start
    finally:
        watch.ended.set()
        watch.join()
    return wall, watch.cpu, watch.mib


def loop_back() -> None:
    """Let a process that was cut off from every network talk to itself: a notebook and its kernel do."""
    with socket.socket() as any_socket:
        up, set_flags = 0x1, 0x8914
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", up))


def main() -> None:
    """Run them, and print the table; exits with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="how their names begin: 04 05; all when none is given")
    parser.add_argument("--offline", action="store_true", help="without a network, a mirror and fetched data")
    options = parser.parse_args()
    if options.offline and not os.environ.get("ASM_TEACH_ALONE"):
        empty = tempfile.mkdtemp()
        kept = {name: value for name, value in os.environ.items() if name not in FETCHED}
        alone = {"ASM_TEACH_ALONE": "1", "ASM_TEACH_CACHE": empty, "XDG_CACHE_HOME": empty}
        os.execvpe("unshare", ["unshare", "-rn", sys.executable, *sys.argv], kept | alone)
    if options.offline:
        loop_back()
    paths = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.name.startswith(tuple(options.names or [""]))]
    print(f"load at the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'notebook':28s}{'wall s':>8s}{'CPU s':>8s}{'MiB':>8s}")
    rows, missed = [], []
    for path in paths:
        rows.append(run(path))
        wall, cpu, mib = rows[-1]
        print(f"{path.stem:28s}{wall:8.1f}{cpu:8.1f}{mib:8.0f}", flush=True)
        missed += [path.stem] if wall > MOST_SECONDS or mib > MOST_MIB else []
    wall, cpu = sum(row[0] for row in rows), sum(row[1] for row in rows)
    print(f"{'together':28s}{wall:8.1f}{cpu:8.1f}")
    missed += ["together"] if wall > MOST_TOGETHER else []
    if missed:
        sys.exit(f"over {MOST_SECONDS} s, {MOST_MIB} MiB, or {MOST_TOGETHER} s together: {', '.join(missed)}")


if __name__ == "__main__":
    main()

"""`asm-teach doctor`: what works on this computer, what does not, and what to do about it.

The command looks at Python, PyTorch, Jupyter, memory and files. What only a browser knows, the page that it writes
finds out when it is opened: whether 3D views can be drawn, and by what.
"""

from __future__ import annotations

import html
import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import click

from asm_teach import __version__
from asm_teach.base.files import whole
from asm_teach.cli.help import examples
from asm_teach.cli.processes import is_given

State: TypeAlias = Literal["ok", "note", "problem"]

LEAST_MEMORY = 1.5e9  # bytes, of a notebook; below it the system ends kernels
LEAST_SPACE = 0.5e9
EXTRAS = {"photos": "mediapipe", "dask": "distributed", "draco": "DracoPy", "speech": "pocketsphinx", "voila": "voila"}
WIDGETS = {  # package -> the folder in which JupyterLab looks for its part in the browser
    "jupyterlab_widgets": "@jupyter-widgets/jupyterlab-manager",
    "pythreejs": "jupyter-threejs",
    "anywidget": "anywidget",
}
ROWS = "<!-- rows -->"  # where the page has the findings
_WORDS = {"ok": "works", "note": "note", "problem": "PROBLEM"}


class Finding(NamedTuple):
    """One thing that was looked at. state: "ok"; "note", something is less than it could be; "problem"."""

    name: str
    state: State
    found: str
    remedy: str = ""


def findings() -> Iterator[Finding]:
    """All that can be found without a browser; a check that fails itself is a problem too."""
    for check in (_python, _torch, _jupyter, _widgets, _memory, _threads, _files, _mirror, _network, _extras, _browser):
        try:
            yield check()
        except Exception as error:
            told = f"could not be looked at ({type(error).__name__}: {error})"
            yield Finding(check.__name__.strip("_"), "problem", told, "tell us in an issue, with this line")


def _python() -> Finding:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, asm_teach {__version__}"
    good = (3, 10) <= sys.version_info[:2] <= (3, 13)
    return Finding("Python", "ok" if good else "problem", found, "" if good else "install Python 3.10 to 3.13")


def _torch() -> Finding:
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    note = f"GPU: {gpu}" if gpu else "no GPU, which no lesson needs"
    return Finding("PyTorch", "ok", f"PyTorch {torch.__version__}; {note}")


def _jupyter() -> Finding:
    found = [f"{name} {version(name)}" for name in ("jupyterlab", "ipykernel", "ipywidgets")]
    return Finding("JupyterLab", "ok", ", ".join(found))


def _widgets() -> Finding:
    from jupyter_core.paths import jupyter_path

    lost = []
    for package, folder in WIDGETS.items():
        if not any((Path(place) / "labextensions" / folder).is_dir() for place in jupyter_path()):
            lost.append(package)
    if lost:
        again = f"pip install --force-reinstall --no-deps {' '.join(lost)}"
        remedy = f"{again}, then restart JupyterLab and load the page again"
        return Finding("Widgets", "problem", f"JupyterLab does not find those of {', '.join(lost)}", remedy)
    return Finding("Widgets", "ok", ", ".join(f"{package} {version(package)}" for package in WIDGETS))


def _memory() -> Finding:
    most = memory()
    if most is None:
        return Finding("Memory", "note", "this system does not tell how much there is", "a notebook needs 1.5 GB")
    enough = most >= LEAST_MEMORY
    remedy = "" if enough else "close other programs or notebooks; a notebook needs 1.5 GB"
    return Finding("Memory", "ok" if enough else "problem", f"{most / 1e9:.1f} GB can be used", remedy)


def memory() -> float | None:
    """Bytes that a new program may use: what is free, and not more than a container allows. None: not known."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(float(line.split()[1]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
        used = float(Path("/sys/fs/cgroup/memory.current").read_text("ascii"))
        found += [] if limit == "max" else [float(limit) - used]
    except (OSError, ValueError):
        pass
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    return min(found, default=None)


def _threads() -> Finding:
    from asm_teach.many_heads.executors import cores

    count, told = cores(), os.environ.get("OMP_NUM_THREADS")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found = f"{count} cores, {load:.1f} programs running" + (f", OMP_NUM_THREADS={told}" if told else "")
    busy = load > 2 * count
    return Finding("Threads", "note" if busy else "ok", found, "others use it too: fits will be slow" if busy else "")


def _files() -> Finding:
    import pooch

    here = Path.cwd()
    free = shutil.disk_usage(here).free
    cache = Path(os.environ.get("ASM_TEACH_CACHE", "") or pooch.os_cache("asm_teach"))
    found = f"{free / 1e9:.1f} GB are free in this folder; downloads go to {cache}"
    if not os.access(here, os.W_OK):
        return Finding("Files", "problem", f"{here} cannot be written to", "start in a folder of your own")
    short = free < LEAST_SPACE
    return Finding("Files", "problem" if short else "ok", found, "make space" if short else "")


def _mirror() -> Finding:
    from asm_teach.data.assets import list_assets

    rows = list_assets()  # raises ValueError for a mirror that is no folder
    here = [row.name for row in rows if row.here]
    mirror = os.environ.get("ASM_TEACH_MIRROR", "")
    found = f"{len(here)} of {len(rows)} are here" + (f", mirror {mirror}" if mirror else ", no mirror is set")
    remedy = "asm-teach data --all fetches the others" if len(here) < len(rows) else ""
    return Finding("Scans and photographs", "note" if remedy else "ok", found, remedy)


def _network() -> Finding:
    from asm_teach.data.assets import source_address

    host = urlsplit(source_address()).hostname or ""
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        remedy = "no lesson needs it; set ASM_TEACH_MIRROR to a folder with the scans"
        return Finding("Network", "note", f"{host} does not answer", remedy)
    return Finding("Network", "ok", f"{host} answers")


def _extras() -> Finding:
    found = [f"[{extra}]" for extra, package in EXTRAS.items() if importlib.util.find_spec(package)]
    lacking = [f"[{extra}]" for extra in EXTRAS if f"[{extra}]" not in found]
    told = f"installed: {', '.join(found) or 'none'}" + (f"; not installed: {', '.join(lacking)}" if lacking else "")
    return Finding("Extras", "ok", told)


def _browser() -> Finding:
    import webbrowser

    from asm_teach.cli.main import has_display

    try:
        name = type(webbrowser.get()).__name__ if has_display() else ""
    except webbrowser.Error:
        name = ""
    test = "asm-teach doctor -o doctor.html writes a page that tests it"
    if name:
        return Finding("Browser", "ok", f"one can be opened here; {test}")
    remedy = f"open the address that JupyterLab prints in a browser of your own; {test}"
    return Finding("Browser", "note", "none can be opened from here", remedy)


@click.command(
    "doctor",
    short_help="Find out what works on this computer.",
    epilog=examples("doctor", "doctor -o doctor.html"),
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a page that tests your browser too.")
def doctor_command(output: Path | None) -> None:
    """Look at Python, PyTorch, Jupyter, widgets, memory, threads, files, network and extras.

    Each line tells you what was found and, if something does not work, what to do. With -o you get the same as a page,
    which also tests the browser that you open it with.
    """
    from asm_teach.formats.checks.outputs import check_output

    if output is not None:
        check_output(output, (".html",), given=is_given("output"))
    found = []
    for finding in findings():
        found.append(finding)
        remedy = f"\n{'':31}-> {finding.remedy}" if finding.remedy else ""
        click.echo(f"{_WORDS[finding.state]:<8}{finding.name:<23}{finding.found}{remedy}")
    if output is not None:
        with whole(output) as part:
            part.write_text(page(found), "utf-8")
        click.echo(f"wrote {output}; open it with the browser that you use for the lessons")
    sys.exit(int(any(finding.state == "problem" for finding in found)))


def page(found: list[Finding]) -> str:
    """The findings as a page, which adds those of the browser that shows it."""
    rows = "\n".join(
        f'<tr class="{one.state}"><th scope="row">{html.escape(one.name)}</th><td>{_WORDS[one.state].lower()}</td>'
        f"<td>{html.escape(one.found)}{f'<p>{html.escape(one.remedy)}</p>' if one.remedy else ''}</td></tr>"
        for one in found
    )
    return files("asm_teach.cli").joinpath("doctor.html").read_text("utf-8").replace(ROWS, rows)

"""Drive a notebook in a real JupyterLab with a real (headless) browser, and report everything that goes wrong.

    with LabServer(notebooks) as server, LabPage(server) as page:
        page.open("00_start_here.ipynb")
        page.run_all()
        assert page.problems() == []

The server, its settings and its kernels are thrown away at the end. It listens on this machine alone, and the
browser can reach nothing else.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import nbformat
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asm_teach.cli.kernel import SPEC

ROOT = Path(__file__).resolve().parents[2]
Result = TypeVar("Result")
NO_BROWSER = (
    "no browser: install Debian's with `apt-get install chromium`, or set CHROME to the path of a Chrome or Chromium"
)
_FLAGS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # WebGL on the processor, so that no graphics card is needed
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # the page around it is drawn by the processor too, as browsers do where there is no graphics card: through the
    # emulated one a slider's own picture alone takes 100 ms
    "--disable-gpu-compositing",
]
_LOCAL = re.compile(r"^(https?|wss?)://127\.0\.0\.1(:\d+)?/|^(data|blob|about|chrome|devtools):")
_WIDGET_TROUBLE = "Error displaying widget|Error creating widget|is not registered|model not found|No version of module"
_APP = "const app = window.jupyterapp || window.jupyterlab; const panel = app.shell.currentWidget;"

# Keeps the positions last given to the graphics card, and when it last drew: what a person sees, not what the
# kernel believes. Arrays of numbers above 1.5 are positions in mm; normals, colours and UV stay below.
_SPY = """
window.__gpu = {positions: {}, drawn: 0, key: 0, fresh: false, answers: []};
window.addEventListener('keydown', () => { window.__gpu.key = performance.now(); }, true);
const pointsOf = (data) => {
  if (data.length % 4) return data;
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] < 0 || !Number.isInteger(data[i])) return data;
  }
  return data.filter((_, i) => i % 4 < 3);
};
for (const kind of [window.WebGLRenderingContext, window.WebGL2RenderingContext]) {
  if (!kind) continue;
  for (const name of ['bufferData', 'bufferSubData']) {
    const original = kind.prototype[name];
    kind.prototype[name] = function (...args) {
      const data = args.find((a) => a instanceof Float32Array);
      if (data && data.some((x) => Math.abs(x) > 1.5)) {
        const points = pointsOf(data);
        window.__gpu.positions[points.length] = {data: points.slice(), at: performance.now()};
        if (points !== data) window.__gpu.fresh = true;
      }
      return original.apply(this, args);
    };
  }
  const draw = kind.prototype.drawElements;
  kind.prototype.drawElements = function (...args) {
    const result = draw.apply(this, args);
    window.__gpu.drawn = performance.now();
    if (window.__gpu.fresh) {
      // the first picture of a new shape: when, and how long after the last key press
      window.__gpu.answers.push([window.__gpu.drawn, window.__gpu.drawn - window.__gpu.key]);
      window.__gpu.fresh = false;
    }
    return result;
  };
}
"""


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """A notebook of code cells, for the kernel of these tests."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


def chromium() -> str | None:
    """Path of the browser, or None."""
    named = os.environ.get("CHROME")
    found = [named] if named else ["chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium"]
    return next((path for path in map(shutil.which, found) if path), None)


def decoded(url: str) -> NDArray[np.uint8]:
    """The pixels (H, W, 4) of a picture that stands in a data: address."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def keep_picture(shot: bytes, name: str) -> None:
    """Write a photograph of the page as WebP to the folder ASM_TEACH_PICTURES, at most 100 kB, where that names one."""
    if folder := os.environ.get("ASM_TEACH_PICTURES"):
        path = Path(folder) / name
        Image.open(io.BytesIO(shot)).convert("RGB").save(path, quality=85, method=6)
        assert path.stat().st_size <= 100_000, f"{name} is larger than 100 kB"


def again_if_hung(act: Callable[[], Result]) -> Result:
    """What `act` gives; once more where a headless start hung, as one in a hundred does."""
    from playwright.sync_api import TimeoutError as Hung

    try:
        return act()
    except Hung:
        return act()


class LabServer:
    """A JupyterLab server over a copy of a folder of notebooks, with settings of its own; or, as `app`, "notebook".

    With `ahead` its kernels import the long ones ahead, as those of `asm-teach lab` do.
    """

    def __init__(self, folder: str | os.PathLike[str], app: str = "jupyterlab", ahead: bool = False) -> None:
        self.app, self.ahead = app, ahead
        self.home = Path(tempfile.mkdtemp(prefix="asm-lab-"))
        self.folder = self.home / "notebooks"
        shutil.copytree(folder, self.folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.base = f"http://127.0.0.1:{probe.getsockname()[1]}"

    def __enter__(self) -> LabServer:
        names = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "run",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        env = {key: value for key, value in os.environ.items() if not key.startswith(("JUPYTER", "PYTEST"))}
        env |= {key: str(self.home / value) for key, value in names.items()}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        if self.ahead:
            env["JUPYTER_PATH"] = str(SPEC)
        # the question about news would cover the page
        (self.home / "config" / "labconfig").mkdir(parents=True)
        (self.home / "config" / "labconfig" / "page_config.json").write_text(
            json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}})
        )
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.base.rsplit(":", 1)[1],
            "ServerApp.port_retries": "0",
            "ServerApp.open_browser": "False",
            "ServerApp.allow_root": "True",
            "IdentityProvider.token": self.token,
            f"{'LabApp' if self.app == 'jupyterlab' else 'JupyterNotebookApp'}.expose_app_in_browser": "True",
            "KernelManager.shutdown_wait_time": "2",
        }
        self._log = open(self.home / "log.txt", "w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.app, *(f"--{key}={value}" for key, value in options.items())],
            cwd=self.folder,
            env=env,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.request("/api/status")
                return self
            except OSError:
                time.sleep(0.2)
        self.__exit__(None, None, None)
        raise TimeoutError(f"{self.app} did not start in 60 s")

    def request(self, path: str, method: str = "GET") -> Any:
        """Ask the server's own interface."""
        asked = urllib.request.Request(
            self.base + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def end_kernels(self) -> None:
        """Stop what the notebooks run: a notebook opened again must not meet the variables of the last time."""
        try:
            for session in self.request("/api/sessions") if self.process.poll() is None else []:
                self.request(f"/api/sessions/{session['id']}", "DELETE")
        except OSError:
            pass  # the server is gone already, and its kernels end with its process group

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end_kernels()
        for end in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, end)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._log.close()
        shutil.rmtree(self.home, ignore_errors=True)


class LabPage:
    """One browser page with a notebook in it, and a record of all that it asked for and complained about."""

    def __init__(self, server: LabServer, size: tuple[int, int] = (1400, 1000)) -> None:
        self.server, self.size = server, size
        self.console: list[str] = []
        self.page_errors: list[str] = []
        self.outside: list[str] = []

    def __enter__(self) -> LabPage:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=chromium(), args=_FLAGS, headless=True, timeout=30_000
            )
            context = self._browser.new_context(viewport={"width": self.size[0], "height": self.size[1]})
            context.set_default_timeout(30_000)
            self.page = context.new_page()
            self.page.add_init_script(_SPY)
            self.page.on("console", lambda m: self.console.append(m.text[:500]) if m.type == "error" else None)
            self.page.on("pageerror", lambda e: self.page_errors.append(str(e)[:500]))
            self.page.on("request", lambda r: None if _LOCAL.match(r.url) else self.outside.append(r.url))
        except BaseException:
            self._playwright.stop()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._browser.close()
        finally:
            self._playwright.stop()
            self.server.end_kernels()

    # -- the notebook --------------------------------------------------------------------------------------

    def open(self, notebook: str, timeout: float = 60) -> None:
        """Open a notebook of the server's folder and wait for its kernel."""
        place = "lab/tree" if self.server.app == "jupyterlab" else "notebooks"
        self.page.goto(f"{self.server.base}/{place}/{notebook}?reset&token={self.server.token}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=1000 * timeout)
        self._wait_idle(timeout)

    def run_all(self, timeout: float = 120) -> float:
        """Run all cells; the seconds it took."""
        start = time.monotonic()
        self.page.evaluate(
            f"() => {{ {_APP} window.__ran = false;"
            " app.commands.execute('notebook:run-all-cells').finally(() => { window.__ran = true; }); }"
        )
        self.page.wait_for_function("() => window.__ran", timeout=1000 * timeout)
        self._wait_idle(timeout)
        return time.monotonic() - start

    def _wait_idle(self, timeout: float) -> None:
        self.page.wait_for_function(
            f"() => {{ {_APP} const c = panel && panel.sessionContext;"
            " const k = c && c.session && c.session.kernel; return k && k.status === 'idle'; }",
            timeout=1000 * timeout,
        )

    def evaluate(self, code: str, timeout: float = 60) -> str:
        """Run code in the notebook's kernel and give back what it printed."""
        answer = self.page.evaluate(
            f"""async ([code, limit]) => {{
              {_APP}
              const future = panel.sessionContext.session.kernel.requestExecute({{code, store_history: false}});
              let text = '', error = '';
              future.onIOPub = (m) => {{
                if (m.header.msg_type === 'stream') text += m.content.text;
                if (m.header.msg_type === 'error') error = m.content.traceback.join('\\n');
              }};
              const late = new Promise((_, no) => setTimeout(() => no(new Error('the kernel did not answer')), limit));
              await Promise.race([future.done, late]);
              return {{text, error}};
            }}""",
            [code, 1000 * timeout],
        )
        if answer["error"]:
            raise AssertionError(answer["error"])
        return answer["text"]

    # -- what went wrong -----------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """Every error of a cell, a widget, the console or the page, and every request off this machine."""
        cells = self.page.evaluate(
            f"""() => {{ {_APP} const cells = panel.content.model.cells;
              return [...Array(cells.length).keys()].map((i) => cells.get(i).toJSON()).map((c) => ({{
                code: c.cell_type === 'code' && c.source.length > 0, ran: !!c.execution_count,
                errors: (c.outputs || []).filter((o) => o.output_type === 'error').map((o) => o.ename + ': ' + o.evalue)
              }})); }}"""
        )
        widgets = self.page.evaluate(
            """(trouble) => [...document.querySelectorAll('.jp-OutputArea-output, .jupyter-widgets')]
                 .map((e) => (e.innerText || '').slice(0, 300)).filter((t) => new RegExp(trouble).test(t))""",
            _WIDGET_TROUBLE,
        )
        found = [f"cell {i}: {text}" for i, cell in enumerate(cells) for text in cell["errors"]]
        found += [f"cell {i} did not run" for i, cell in enumerate(cells) if cell["code"] and not cell["ran"]]
        found += [f"widget: {text}" for text in widgets]
        found += [f"console: {text}" for text in self.console]
        found += [f"page: {text}" for text in self.page_errors]
        return found + [f"request off this machine: {url}" for url in self.outside]

    # -- what is seen --------------------------------------------------------------------------------------

    def scroll_to_cell(self, index: int) -> None:
        """Bring a cell into sight: one that is far from it is not on the page at all."""
        self.page.evaluate(f"(index) => {{ {_APP} return panel.content.scrollToItem(index, 'start'); }}", index)

    def show(self, selector: str, index: int = 0) -> Any:
        """Scroll to an element (cells far from sight are not drawn) and give it back once it is there."""
        element = self.page.locator(selector).nth(index)
        element.wait_for(state="attached")
        element.scroll_into_view_if_needed()
        return element

    def colours_in_view(self, index: int = 0) -> NDArray[np.uint8]:
        """The different colours (n, 3) in the middle of a 3D view, as photographed from the screen."""
        shot = self.show(".jupyter-threejs canvas", index).screenshot()
        picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
        height, width = picture.shape[:2]
        middle = picture[height // 4 : -height // 4, width // 4 : -width // 4]
        return np.unique(middle.reshape(-1, 3), axis=0)

    def canvas(self, within: str = ".jupyter-threejs") -> NDArray[np.uint8]:
        """The pixels (H, W, 4) of a 3D view itself, without the page around and behind it."""
        return decoded(self.show(f"{within} canvas").evaluate("(canvas) => canvas.toDataURL('image/png')"))

    def drawn_positions(self, copies: int) -> NDArray[np.float32] | None:
        """Positions (copies, 3), mm, that the graphics card was last given, or None."""
        sent = self.page.evaluate(
            """(length) => { const p = window.__gpu.positions[length]; if (!p) return null;
              const bytes = new Uint8Array(p.data.buffer, p.data.byteOffset, p.data.byteLength);
              let text = ''; for (const b of bytes) text += String.fromCharCode(b); return btoa(text); }""",
            3 * copies,
        )
        return None if sent is None else np.frombuffer(base64.b64decode(sent), np.float32).reshape(-1, 3)

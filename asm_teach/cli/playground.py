"""The command that writes the finished model as a page: one file, which opens in any browser without a network.

With `--serve` Voila shows the playground's notebook as a page instead, with a kernel behind it.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from pathlib import Path

import click

from asm_teach.base.files import NOTEBOOKS
from asm_teach.cli.help import examples
from asm_teach.cli.processes import is_given, run_to_its_end
from asm_teach.formats.checks.outputs import check_output

NOTEBOOK = NOTEBOOKS / "playground.ipynb"
TEMPLATES = Path(__file__).parent / "page_server"  # a page that asks no other machine for anything


def serve_command(notebook: Path, port: int) -> list[str]:
    """The command that serves a notebook as a page on this machine, its code left out.

    Raises:
        ValueError: Voila is not installed, the notebook is not there, or the port is in use.
    """
    if importlib.util.find_spec("voila") is None:
        raise ValueError(
            "--serve: Voila is not installed; in the repository type `python -m pip install -c constraints.txt -e "
            "'.[voila]'`, or leave --serve out and open the file that is written instead"
        )
    if not notebook.is_file():
        raise ValueError(f"--serve: there is no {notebook}, which belongs to the package: install asm_teach again")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ValueError(f"--port: {port} is in use; choose another number, such as {port + 1}") from None
    return [sys.executable, "-m", "voila", str(notebook), "--no-browser", "--Voila.ip=127.0.0.1",
            f"--Voila.port={port}", "--Voila.port_retries=0", "--VoilaConfiguration.template=alone",
            "--VoilaConfiguration.extension_denylist=@jupyter-notebook/lab-extension"]  # fmt: skip


@click.command(
    "playground",
    short_help="Write the finished model as one page with sliders.",
    epilog=examples("playground", "playground --model me.npz -o me.html"),
)
@click.option(
    "--model", "model_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A fitted adaptive model, as asm.save writes it; else the embedded head.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("playground.html"),
    show_default=True, help="The file to write.",
)  # fmt: skip
@click.option("--serve", is_flag=True, help="Write no file: serve the playground's notebook by Voila until Ctrl+C.")
@click.option("--port", type=click.IntRange(1, 65535), default=8866, show_default=True, help="For --serve.")
def playground_command(model_file: Path | None, output: Path, serve: bool, port: int) -> None:
    """Write the adaptive model as one HTML file with sliders, which needs no kernel and no network."""
    if serve:
        if model_file:
            raise ValueError("--model: --serve shows the notebook, which has its own model; leave one of the two out")
        command = serve_command(NOTEBOOK, port)
        click.echo(
            f"Open http://localhost:{port} in a browser; the page appears after about ten seconds. Ctrl+C ends it."
        )
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")]))
        sys.exit(run_to_its_end(command))
    check_output(output, (".html", ".htm"), inputs=[model_file], given=is_given("output"))
    from asm_teach.model.storage import load_model
    from asm_teach.widgets.base.pages import save_page
    from asm_teach.widgets.playground.page import write_page

    page = write_page(load_model(model_file) if model_file else None)
    save_page(page, output)
    click.echo(f"{output}: {len(page.encode()) / 1e3:.0f} kB; open it in a browser")

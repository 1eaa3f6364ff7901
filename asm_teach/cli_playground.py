"""The command that writes the finished model as a page: one file, which opens in any browser without a network."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("playground")
@click.option(
    "--model", "model_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A fitted adaptive model, as asm.save writes it; else the embedded head.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("playground.html"),
    show_default=True, help="The file to write.",
)  # fmt: skip
def playground_command(model_file: Path | None, output: Path) -> None:
    """Write the adaptive model as one HTML file with sliders, which needs no kernel and no network."""
    from asm_teach.files import whole
    from asm_teach.storage import load_model
    from asm_teach.widgets.page import write_page

    page = write_page(load_model(model_file) if model_file else None)
    with whole(output) as part:
        part.write_text(page, "utf-8")
    click.echo(f"{output}: {len(page.encode()) / 1e3:.0f} kB; open it in a browser")

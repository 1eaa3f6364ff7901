"""What `fit-scan` and `fit-views` do with folders: many heads, as `many_heads` fits them, with words on the way."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asm_teach.cli.help import examples

if TYPE_CHECKING:
    from asm_teach.many_heads.run import Batch
    from asm_teach.many_heads.sources import Source

F = TypeVar("F", bound=Callable[..., Any])

CODES = """\b
Exit codes for folders: 0, all heads are fitted; 1, some are not; 2, none is,
or the input cannot be used; 130, Ctrl-C. The same command continues."""
_MINUTE = 60.0
_SHOWN = 10  # names that --dry-run lists


def for_folders(command: F) -> F:
    """The options of a command that count for folders alone."""
    for option in (
        click.option("--retry", is_flag=True, help="For folders: try refused and lost heads again too."),
        click.option("--dry-run", is_flag=True, help="For folders: only list what would be fitted."),
        click.option(
            "--executor",
            metavar="WHERE",
            help="For folders: processes[:N] (default), dask://host:port or module:factory.",
        ),
    ):
        command = option(command)
    return command


def only_for_folders(**given: Any) -> None:
    """Raise a ValueError if an option is given that counts for folders alone."""
    for name, value in given.items():
        if value:
            raise ValueError(f"--{name.replace('_', '-')} is for folders; give a folder, or leave it out")


def not_for_folders(**given: Any) -> None:
    """Raise a ValueError if an option is given that counts for one head alone."""
    for name, value in given.items():
        if value:
            raise ValueError(f"--{name.replace('_', '-')} is for one head; leave it out for a folder")


def fit_folders(
    sources: Sequence[Source], executor: str | None, output: Path, model: Path | str, options: Mapping[str, Any],
    retry: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Fit many heads, tell how it goes, and end the program with an exit code that says how it went."""
    from asm_teach.many_heads.executors import executor_of
    from asm_teach.many_heads.fit_many import fit_many

    opener = executor_of(executor or "processes")
    pace = Pace()
    try:
        batch = fit_many(
            sources, opener, output, model=model, options=options, retry=retry, dry_run=dry_run, say=pace.say,
            watch=pace,
        )  # fmt: skip
    except KeyboardInterrupt:
        pace.say("stopped; what was being fitted is left. The same command continues from there")
        sys.exit(130)
    pace.clear()
    if dry_run:
        _list(batch)
        return
    for name in batch.names("refused") + batch.names("failed") + batch.names("lost"):
        if name not in batch.new:
            click.echo(f"{name}: {batch.entries[name].status} before: {batch.entries[name].sentence}")
    if batch.stopped:
        click.echo(f"ended early: {batch.stopped}. The same command continues from there")
    click.echo(f"{batch}; {output / 'manifest.csv'} lists them, and asm-teach report {output} shows them")
    sys.exit(exit_code(batch))


def exit_code(batch: Batch) -> int:
    """0 where all heads are fitted, 1 where some are, 2 where none is, 130 after Ctrl-C."""
    fitted = len(batch.names("fitted"))
    if batch.stopped == "stopped":
        return 130
    return 2 if not fitted else int(fitted < len(batch.entries) + len(batch.left))


def _list(batch: Batch) -> None:
    for name in batch.left[:_SHOWN]:
        click.echo(f"would fit {name}")
    if len(batch.left) > _SHOWN:
        click.echo(f"and {len(batch.left) - _SHOWN} more")
    click.echo(f"nothing was fitted or written; {batch}")


FITS = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("report", short_help="Write a page to look at many fitted heads.", epilog=examples("report fits"))
@click.argument("fits", type=FITS)
def report_command(fits: Path) -> None:
    """Write FITS/report.html: each head of a folder of results in pictures, with its error and its notes.

    Give it again after the next run: only new heads are drawn.
    """
    from asm_teach.many_heads.report import write_report

    began, line = time.monotonic(), Pace()
    page = write_report(fits, lambda done, total: line.show(pace(done, total - done, time.monotonic() - began)))
    line.clear()
    click.echo(f"wrote {page}; open it in a browser")


@click.command(
    "collect",
    short_help="Make a model of many fitted heads: mean, modes, prior.",
    epilog=examples("collect fits -o people", "collect fits -o people --most 1.5"),
)
@click.argument("fits", type=FITS)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to write to.")
@click.option("--most", type=click.FloatRange(min=0), help="Leave out heads with a mean distance above this, in mm.")
@click.option("--share", type=click.FloatRange(0, 1), default=0.95, show_default=True, help="Of the variance.")
def collect_command(fits: Path, output: Path, most: float | None, share: float) -> None:
    """Write what the heads in FITS, a folder of results, have in common, into a folder.

    mean.npz is their mean as a head that --model takes. linear.npz has as many modes as hold a share of their variance.
    prior.npz is a normal distribution of the numbers of a face.
    """
    from asm_teach.many_heads.collection import read_collection
    from asm_teach.model.storage import save

    collection = read_collection(fits, most)
    mean, modes, prior = collection.mean_head(), collection.modes(share), collection.prior()
    output.mkdir(parents=True, exist_ok=True)
    save(mean, output / "mean.npz")
    modes.save(output / "linear.npz")
    prior.save(output / "prior.npz")
    click.echo(f"{len(collection.names)} heads; {len(modes)} modes hold {share:.0%} of the variance of their vertices")
    told = f"{len(prior.deviations)} modes, deviation {prior.noise:.3f} in all other directions"
    click.echo(f"prior of {len(prior.centre)} parameters: {told}")
    click.echo(f"wrote mean.npz, linear.npz and prior.npz to {output}")


class Pace:
    """How far a run is, how fast, and how long it will take: on the last line of a terminal, or once a minute."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.next, self.told, self.shown = 0.0, 0, ""
        self.live = sys.stderr.isatty()

    def __call__(self, batch: Batch, left: int) -> None:
        """Called after each head and twice a second."""
        for name in batch.new[self.told :]:
            entry = batch.entries[name]
            if entry.status != "fitted":
                self.say(f"{name}: {entry.status}: {entry.sentence}")
        self.told = len(batch.new)
        if left:
            self.show(pace(len(batch.new), left, time.monotonic() - self.began))

    def say(self, sentence: str) -> None:
        """A sentence on a line of its own."""
        self.clear()
        click.echo(sentence)

    def clear(self) -> None:
        """Take the last line of the terminal away."""
        if self.shown:
            click.echo("\r" + " " * len(self.shown) + "\r", nl=False, err=True)
            self.shown = ""

    def show(self, told: str) -> None:
        """The last line, unless it was shown a moment ago."""
        if (now := time.monotonic()) < self.next:
            return
        self.next = now + (0.2 if self.live else _MINUTE)
        if not self.live:
            click.echo(told, err=True)
        else:
            self.clear()
            self.shown = told
            click.echo(told, nl=False, err=True)


def pace(done: int, left: int, seconds: float) -> str:
    """How far a run is: `120 of 400 heads, 6.1 per minute, 46 min left`."""
    told = f"{done} of {done + left} heads"
    if not done:
        return f"{told}, {seconds:.0f} s"
    rest = left * seconds / done
    hours, minutes = divmod(round(rest / _MINUTE), 60)
    time_left = f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if rest >= 90 else f"{rest:.0f} s"
    return f"{told}, {done / seconds * _MINUTE:.3g} per minute, {time_left} left"

"""The command line in a test: run it, and read the one line in which a command says what was wrong."""

from __future__ import annotations

from click.testing import CliRunner, Result

from asm_teach.cli.main import main


def run(*arguments: object) -> Result:
    """`asm-teach ARGUMENTS`, within this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def one_line(result: Result) -> str:
    """The message of a failed command, which is one line on stderr, with exit code 2 and no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line

"""Running another program to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence


def run_to_its_end(command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Wait for a command that handles Ctrl+C itself, as JupyterLab does, which asks before it shuts down."""
    with subprocess.Popen(command, env=env) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue

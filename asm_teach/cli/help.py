"""What `--help` shows: commands in groups by what you want to do, and an example of each."""

from __future__ import annotations

import click

GROUPS = {
    "Learn": ("lab", "playground", "demo", "course", "doctor"),
    "Fit your own files": ("fit-scan", "fit-views", "prepare", "avatar", "track", "speak", "report", "collect", "data"),
    "Teach": ("student", "check"),
    "Compute the tables of the lessons": ("capacity", "heads", "views", "photographs"),
}
MARKS = """\b
A .json file of landmarks holds one object: for each point its name or its
number in iBUG's 68, and a vertex or a place in the mesh's own unit:
  {"nose_tip": 517, "chin": [0, -19.8, 110], "36": [-31.5, 40.2, 77], ...}
Give seven or more: the corners of the eyes and of the mouth, and the tip of
the nose. Names: right_eye_outer, right_eye_inner, left_eye_inner, left_eye_outer,
nose_root, nose_tip, nose_base, mouth_right, mouth_left, lip_top,
lip_bottom, chin. Left and right are the person's own."""


class Grouped(click.Group):
    """A group of commands whose help lists them under `GROUPS`."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their short helps, which are not cut off."""
        listed = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, "More": [name for name in self.list_commands(ctx) if name not in listed]}
        for title, names in groups.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(limit=200)) for name, command in found if command]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def examples(*lines: str) -> str:
    """The end of a help: each line as it is typed."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\b\n" + "\n".join([title, *(f"  asm-teach {line}" for line in lines)])

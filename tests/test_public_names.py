"""The public names, what importing them costs, and which module may import which."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import asm_teach
import asm_teach.course
import asm_teach.widgets
from asm_teach.cli.main import main

PACKAGE = Path(asm_teach.__file__).parent

# The names that lessons, notebooks and other people's programs use, with the arguments they give by position.
CALLS = {
    "load_head": ["name"],
    "read_mesh": ["path"],
    "AdaptiveSkinningModel": ["mesh", "rig", "components"],
    "StaticSkinningModel": ["mesh", "rig", "weights"],
    "linear_blend_skinning": ["vertices", "weights", "transforms"],
    "fit_scan": ["model", "scan"],
    "fit_views": ["model", "views"],
    "View": ["image", "landmarks"],
    "scan_error": ["vertices", "faces", "scan", "align"],
    "save": ["model", "path"],
    "load_model": ["path"],
}
FIELDS = {
    "Head": ["mesh", "rig", "landmarks", "static_weights", "identities", "expressions", "licence"],
    "Fit": ["model", "vertices", "cameras", "history"],
}

# From the ground up: a room imports only from rooms above it in this list, and those of one line not from each other.
ROOMS = [
    ["base"],
    ["formats"],
    ["geometry"],
    ["model"],
    ["rendering"],
    ["data"],
    ["fitting"],
    ["scan_fit", "view_fit", "new_head"],
    ["avatar"],
    ["tracking"],
    ["beyond"],
    ["studies"],
    ["drawing"],
    ["many_heads"],
    ["widgets"],
    ["course"],
    ["cli"],
]
CORE = {"base", "geometry", "model", "rendering", "fitting"}

HEAVY = ("ipywidgets", "pythreejs", "matplotlib", "trimesh", "scipy", "torch", "numpy")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded in a new interpreter once it has run the code."""
    code += "\nimport json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


# --- names


@pytest.mark.parametrize("name", CALLS)
def test_a_public_name_is_there_and_takes_its_arguments(name):
    thing = getattr(asm_teach, name)
    found = list(inspect.signature(thing).parameters.values())[: len(CALLS[name])]
    assert [p.name for p in found] == CALLS[name]
    assert all(p.kind is not inspect.Parameter.KEYWORD_ONLY for p in found)
    assert inspect.getdoc(thing)


@pytest.mark.parametrize("name", FIELDS)
def test_a_public_record_has_its_fields(name):
    fields = {field.name for field in dataclasses.fields(getattr(asm_teach, name))}
    assert set(FIELDS[name]) <= fields


def test_methods_that_programs_call():
    for name, methods in {
        "Head": ["sample"],
        "Mesh": ["write"],
        "AdaptiveSkinningModel": ["forward", "weights", "bind_points"],
        "StaticSkinningModel": ["forward", "weights", "bind_points"],
    }.items():
        for method in methods:
            assert callable(getattr(getattr(asm_teach, name), method)), f"{name}.{method}"


def test_all_names_are_listed_and_resolve():
    assert set(CALLS) | set(FIELDS) <= set(asm_teach.__all__)
    assert dir(asm_teach) == asm_teach.__all__
    for name in asm_teach.__all__:
        assert getattr(asm_teach, name) is not None


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match="No asm_teach attribute fit_everything"):
        _ = asm_teach.fit_everything


def test_the_public_names_and_their_arguments_are_those_that_are_listed():
    """A change of `public_names.json` is a change for users: it belongs in CHANGELOG.md."""
    listed = json.loads(Path(__file__).with_name("public_names.json").read_text("utf-8"))
    assert asm_teach.__all__ == sorted(listed["names"])
    for name, arguments in listed["names"].items():
        if arguments is not None:
            assert list(inspect.signature(getattr(asm_teach, name)).parameters) == arguments, name
    assert asm_teach.course.__all__ == listed["course"]
    assert asm_teach.widgets.__all__ == listed["widgets"]


def test_the_command_line_is_the_one_that_is_listed():
    def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
        if isinstance(command, click.Group):
            for name, one in command.commands.items():
                yield from commands(one, (*path, name))
        else:
            options = [p for p in command.params if isinstance(p, click.Option)]
            arguments = [p.name.upper() for p in command.params if isinstance(p, click.Argument)]
            yield " ".join(path), sorted([*arguments, *("/".join(p.opts) for p in options)])

    listed = json.loads(Path(__file__).with_name("public_names.json").read_text("utf-8"))["commands"]
    assert dict(commands(main)) == {name: sorted(of) for name, of in listed.items()}


# --- what an import loads


def test_importing_the_package_loads_nothing_heavy():
    assert "asm_teach" in (loaded := loaded_by("import asm_teach"))
    assert not loaded & set(HEAVY)


@pytest.mark.long
def test_no_public_name_needs_a_notebook_or_a_display():
    loaded = loaded_by("import asm_teach; [getattr(asm_teach, name) for name in asm_teach.__all__]")
    assert "torch" in loaded  # the look at sys.modules does find what is loaded
    assert not loaded & {"ipywidgets", "pythreejs", "matplotlib", "IPython"}


def test_geometry_is_done_without_file_formats():
    loaded = loaded_by("import asm_teach.geometry.mesh")
    assert "torch" in loaded and not loaded & {"trimesh", "PIL"}


# --- floors


def imports(path: Path, deferred: bool) -> Iterator[str]:
    """What a file imports: when it is loaded, or (deferred) only once one of its functions runs."""

    def visit(node: ast.AST, inside: bool) -> Iterator[str]:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and inside == deferred:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            else:
                assert node.level == 0, f"{path.name}: a relative import"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))

    yield from visit(ast.parse(path.read_text("utf-8")), False)


def rooms() -> dict[str, list[Path]]:
    """Room -> its files."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if len(parts := path.relative_to(PACKAGE).parts) > 1:
            found.setdefault(parts[0], []).append(path)
    return found


def reached(room: str) -> set[str]:
    """The other rooms that a room imports from, also inside its functions."""
    names = {name for path in rooms()[room] for name in (*imports(path, False), *imports(path, True))}
    found = {name.split(".")[1] for name in names if name.startswith("asm_teach.")}
    # The lazy public names hide where a thing lives; inside the package each is taken from its own module.
    assert found <= {*rooms(), "__version__"}, room
    return found & set(rooms()) - {room}


def test_every_folder_is_a_room_with_a_floor():
    assert set(rooms()) <= {room for floor in ROOMS for room in floor}
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {"__init__.py", "__init__.pyi", "py.typed"}


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_room_imports_only_from_rooms_below_it(room):
    (floor,) = [n for n, names in enumerate(ROOMS) if room in names]
    below = {name for names in ROOMS[:floor] for name in names}
    assert reached(room) <= below


def test_the_imports_are_read_from_the_files():
    """What is known of three rooms, so that the tests above do not pass for want of imports."""
    assert reached("model") == {"base", "formats", "geometry"}
    assert reached("base") == set()
    assert "model" in reached("widgets")


def test_a_room_has_at_most_fourteen_modules_and_says_what_it_is_for():
    folders = {path.parent for files in rooms().values() for path in files}
    for folder in sorted(folders):
        assert len([p for p in folder.glob("*.py") if p.stem != "__init__"]) <= 14, folder
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))), folder


@pytest.mark.parametrize("room", sorted(CORE))
def test_core_rooms_know_neither_screens_nor_the_data(room):
    assert reached(room) <= CORE | {"formats"}
    outside = {n.partition(".")[0] for path in rooms()[room] for n in imports(path, False)}
    assert not outside & {"ipywidgets", "pythreejs", "matplotlib", "IPython"}


def test_the_core_is_a_small_package():
    """One can read it in a day."""
    lines = sum(len(path.read_text("utf-8").splitlines()) for room in CORE for path in rooms()[room])
    assert lines < 5000

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

import pytest

import asm_teach

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

# From the ground up: a module imports only modules above it in this list. A new module gets its place here.
FLOORS = [
    "processes",
    "kernel",
    "checks", "devices", "files", "npz", "picture", "assets", "chartcheck", "landmarks", "mesh", "objfile", "meshio",
    "closest", "alignment", "metrics", "pose", "camera", "interpolation", "raster", "edges", "shading", "renderer",
    "transforms", "skinning", "mixture", "binding", "model", "storage",
    "sight", "relief", "facesearch", "scanclean", "placing", "registering", "manifold", "unwrap", "carry", "marks",
    "priors", "fitting", "motion", "affine", "pull", "gaussnewton", "jointfit", "surfacefit", "scanfit",
    "morphable", "morphfit", "views", "facepoints", "photos", "viewchecks", "cameras", "bundle", "unknowns",
    "agreement", "phototerm", "pointterm", "photofit", "reprojection", "viewfit", "data", "scans",
    "rigging", "cropping", "topology", "budget", "contenders", "subjects", "tables", "capacity", "newheads", "demo",
    "viewsets", "viewmodels", "viewcapacity", "zoomset",
    "zbuffer", "plots", "figures", "widgets", "course",
    "cli_fits", "cli_views", "cli_playground", "cli_course", "cli",
]  # fmt: skip
CORE = ["mesh", "transforms", "skinning", "mixture", "binding", "camera", "metrics", "landmarks", "model", "storage"]
# An import inside a function that goes upwards: writing a mesh needs the file formats, having one does not.
DEFERRED = {("mesh", "meshio")}

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
    with pytest.raises(AttributeError, match="module 'asm_teach' has no attribute 'fit_everything'"):
        _ = asm_teach.fit_everything


# --- what an import loads


def test_importing_the_package_loads_nothing_heavy():
    assert "asm_teach" in (loaded := loaded_by("import asm_teach"))
    assert not loaded & set(HEAVY)


def test_no_public_name_needs_a_notebook_or_a_display():
    loaded = loaded_by("import asm_teach; [getattr(asm_teach, name) for name in asm_teach.__all__]")
    assert "torch" in loaded  # the look at sys.modules does find what is loaded
    assert not loaded & {"ipywidgets", "pythreejs", "matplotlib", "IPython"}


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


def files() -> dict[str, list[Path]]:
    """Module -> its files; a subpackage counts as one module."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts != ("__init__.py",):
            found.setdefault(relative.parts[0].removesuffix(".py"), []).append(path)
    return found


def ours(module: str, deferred: bool = False) -> set[str]:
    """The modules of the package that a module imports."""
    names = {name for path in files()[module] for name in imports(path, deferred)}
    found = {name.split(".")[1] for name in names if name.startswith("asm_teach.")}
    # The lazy public names hide where a thing lives; inside the package each is taken from its own module.
    assert found <= {*FLOORS, "__version__"}
    return found & set(FLOORS) - {module}


def test_every_module_has_a_floor():
    assert len(set(FLOORS)) == len(FLOORS)
    assert set(files()) == set(FLOORS), "FLOORS lists each module once, where it belongs"


@pytest.mark.parametrize("module", FLOORS)
def test_no_floor_imports_one_above_it(module):
    above = set(FLOORS[FLOORS.index(module) :])
    assert not ours(module) & above
    upward = {(module, other) for other in ours(module, deferred=True) & above}
    assert upward <= DEFERRED


def test_the_floors_are_read_from_the_files():
    """What is known of three files, so that the tests above do not pass for want of imports."""
    assert {"binding", "mesh", "mixture", "skinning", "transforms"} <= ours("model")
    assert ours("mesh", deferred=True) == {"meshio"}
    assert "model" in ours("widgets")


@pytest.mark.parametrize("module", CORE)
def test_core_modules_know_neither_screens_nor_the_data(module):
    """Nor does anything that they import in turn."""
    reached, open_ends = set(), {module}
    while open_ends:
        here = open_ends.pop()
        reached.add(here)
        open_ends |= ours(here) - reached
    assert not reached & {"data", "assets", "scans", "plots", "figures", "widgets"}
    outside = {n.partition(".")[0] for m in reached for path in files()[m] for n in imports(path, False)}
    assert not outside & {"ipywidgets", "pythreejs", "matplotlib", "IPython", "tqdm", "PIL"}

"""The files around the code agree: dependencies, pins, Binder, citations, and what is tracked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from asm_teach.base.files import DOCS, NOTEBOOKS
from asm_teach.course.pages import DOCUMENTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = {canonicalize_name(r.name): r.specifier for r in map(Requirement, PROJECT["dependencies"])}
EXTRAS = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]

# conda-forge's name where it differs from the one pip uses
CONDA_NAMES = {"pytorch-cpu": "torch", "pytorch": "torch", "matplotlib-base": "matplotlib"}


def _pins(python: str) -> dict[str, Version]:
    """Name -> pinned version, as pip reads constraints.txt on this version of Python."""
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"python_version": python}):
            continue
        (clause,) = requirement.specifier
        assert clause.operator == "==", f"constraints.txt does not pin one version: {line}"
        assert requirement.name not in pins, f"{requirement.name} is pinned twice for Python {python}"
        pins[canonicalize_name(requirement.name)] = Version(clause.version)
    return pins


def _tracked() -> list[Path]:
    """The files under version control; without git (an unpacked release), every file of the project."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    hidden = {".venv", "build", "dist"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not hidden & set(p.relative_to(ROOT).parts)]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_in_an_allowed_version(python: str) -> None:
    pins = _pins(python)
    wanted = [Requirement(line) for line in PROJECT["dependencies"]] + EXTRAS
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"python_version": python}):
            continue
        name = canonicalize_name(requirement.name)
        assert name in pins, f"constraints.txt does not pin {name}"
        assert pins[name] in requirement.specifier, f"{name}=={pins[name]} is outside {requirement.specifier}"


def test_the_pythons_are_the_ones_the_project_names() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [p for p in ("3.8", "3.9", *PYTHONS, "3.14", "3.15") if p in allowed] == PYTHONS


def test_torch_is_pinned_without_a_build_suffix() -> None:
    # "2.13.0+cpu" would refuse the CUDA builds of the same version
    assert _pins("3.11")["torch"] == Version("2.13.0")


def _binder_specifiers() -> dict[str, SpecifierSet]:
    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    found = {}
    for line in environment["dependencies"]:
        name, clauses = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", line).groups()
        clauses = re.sub(r"^=(?!=)(.*)$", r"==\1.*", clauses)  # conda's python=3.12 is pip's python==3.12.*
        found[canonicalize_name(CONDA_NAMES.get(name, name))] = SpecifierSet(clauses)
    return found


def test_binder_names_every_dependency_in_an_allowed_version() -> None:
    binder, pins = _binder_specifiers(), _pins("3.12")
    for name, allowed in DEPENDENCIES.items():
        assert name in binder, f"binder/environment.yml does not name {name}"
        lowest = [Version(clause.version) for clause in binder[name] if clause.operator == ">="]
        assert lowest, f"binder/environment.yml gives {name} no lowest version"
        assert lowest[0] in allowed, f"{name}: Binder allows {lowest[0]}, pyproject.toml wants {allowed}"
        assert pins[name] in binder[name], f"{name}: Binder leaves out the tested version {pins[name]}"
        for clause in allowed:
            if clause.operator.startswith("<"):
                assert str(clause) in map(str, binder[name]), f"{name}: Binder lacks the upper bound {clause}"


def test_binder_runs_an_allowed_python() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    (clause,) = _binder_specifiers()["python"]
    assert clause.version.removesuffix(".*") in allowed


def test_binder_starts_on_the_start_notebook() -> None:
    settings = json.loads((ROOT / "binder" / "jupyter_server_config.json").read_text(encoding="utf-8"))
    url = settings["LabApp"]["default_url"]
    assert url == settings["ServerApp"]["default_url"]
    folder = Path(url).parent.name
    assert url == f"/lab/tree/{folder}/00_start_here.ipynb"
    assert f"asm-teach course {folder}" in (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    assert f"urlpath={url.removeprefix('/')}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The files of the wheel and of the sdist, by ending."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install 'asm_teach[release]'")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    assert max(wheel.stat().st_size, sdist.stat().st_size) < 60e6  # PyPI takes 100 MB
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return {"whl": set(zipfile.ZipFile(wheel).namelist()), "gz": names}


@pytest.mark.long
def test_wheel_and_sdist_hold_everything_and_nothing_else(built: dict[str, set[str]]) -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in _tracked()}
    package = {name for name in tracked if name.startswith("asm_teach/")}
    assert len(package) > 200 and package <= built["whl"]
    lessons = {name for name in tracked if re.fullmatch(r"notebooks/.+\.ipynb", name)}
    assert {f"asm_teach/_course/{name}" for name in lessons} <= built["whl"]
    data = {name for name in tracked if name.startswith("data/")}
    assert {name.replace("data/", "asm_teach/_data/", 1) for name in data} <= built["whl"]
    own = {name for name in built["whl"] if not name.startswith(("asm_teach/_course/", "asm_teach/_data/"))}
    assert {name for name in own if ".dist-info/" not in name} == package
    assert any(name.endswith(".dist-info/licenses/LICENSE-TEXT.md") for name in built["whl"])
    left_out = {"package.json", "biome.json", ".gitignore", ".npmrc", "asm-course"}
    kept = {name for name in tracked if name.partition("/")[0] not in left_out | {".ci"}}
    assert kept <= built["gz"], sorted(kept - built["gz"])[:10]
    assert {name for name in built["gz"] - tracked if "." in name} <= {"PKG-INFO", ".gitignore"}


def test_the_recipe_for_conda_names_the_same_dependencies() -> None:
    text = (ROOT / "conda" / "meta.yaml").read_text("utf-8")
    told = re.findall(r'set version = "(.+?)"', text)
    assert told == [PROJECT["version"]]
    recipe = yaml.safe_load(re.sub(r"\{\{ ?(\w+) ?\}\}", r"\1", re.sub(r"\{%.*?%\}", "", text)))
    wanted = {}
    for line in recipe["requirements"]["run"][1:]:
        name, _, clauses = line.partition(" ")
        wanted[canonicalize_name(CONDA_NAMES.get(name, name))] = SpecifierSet(clauses)
    assert wanted == DEPENDENCIES
    (script,) = PROJECT["scripts"].items()
    assert recipe["build"]["entry_points"] == [" = ".join(script)]
    assert all((ROOT / name).exists() for name in recipe["about"]["license_file"])


def test_a_release_is_published_without_a_password() -> None:
    """By trusted publishing: the job asks for a token of its own, and no secret is named anywhere."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"} and jobs["publish"]["environment"] == "pypi"
    assert jobs["publish"]["needs"] == "build" and "secrets." not in text
    steps = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert steps.index("bash .ci/run") < steps.index("make dist")
    assert "twine check --strict" in (ROOT / "Makefile").read_text("utf-8")


def test_a_wheel_carries_the_course() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert {f"docs/{name}.md" for name in DOCUMENTS} | {"asm_teach", "data", "notebooks"} == set(wheel["only-include"])
    assert wheel["sources"] == {"data": "asm_teach/_data"} | {
        folder.name: f"asm_teach/_course/{folder.name}" for folder in (NOTEBOOKS, DOCS)
    }


def test_the_citation_file_names_every_asset_with_its_attribution() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    sources = json.loads((ROOT / "data" / "sources.json").read_text(encoding="utf-8"))
    for name, asset in sources["assets"].items():
        (entry,) = [r for r in citation["references"] if r["notes"].startswith(f"Asset {name}.")]
        assert asset["attribution"] in entry["notes"]
        assert asset["licence"] == entry["license"]


def test_the_citation_file_names_the_paper_and_the_embedded_sources() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for name in ("2304.09423", "MakeHuman", "Suominen", "Anny", "SOMA"):
        assert name in citation


def test_the_version_is_the_same_everywhere() -> None:
    import asm_teach

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert asm_teach.__version__ == PROJECT["version"] == citation["version"]


# An address that only serves packages, or a folder of one machine, breaks on every other one. The patterns
# are broken up, so that this file does not find itself.
FORBIDDEN = re.compile(
    r"pypi\.[o]rg/simple|files\.python[h]osted|conda\.ana[c]onda|download\.py[t]orch|--(?:extra-)?index-[u]rl"
    r"|(?<![\w.:/])/(?:home|Users|root|work)/[\w.]+|[A-Z]:\\+Users\\|/ipykernel_\d+",
)


def test_no_tracked_file_names_a_package_host_or_a_folder_of_one_machine() -> None:
    places = []
    for path in _tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        places += [f"{path.relative_to(ROOT)}: {match.group()}" for match in FORBIDDEN.finditer(text)]
        if str(ROOT) != "/" and str(ROOT) in text:
            places.append(f"{path.relative_to(ROOT)}: {ROOT}")
    assert not places, "\n".join(places)


def test_what_is_forbidden_would_be_found() -> None:
    bad = ["/" + "home/ada/faces", "C:" + "\\Users\\ada", "--extra-" + "index-url x", "/" + "work/main"]
    assert all(FORBIDDEN.search(text) for text in bad)
    assert not FORBIDDEN.search("https://example.org/work/faces and ../work/x and asm_teach/home")

"""Files of arrays that others wrote: what they claim is held against what they have before anything is unpacked."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from asm_teach.base import arrays
from asm_teach.base.arrays import load_npy, load_npz, numbers

NOT_WHOLE = "a.npz: this is not a whole .npz file of plain arrays"


def packed(path: Path, content: bytes, name: str = "landmarks.npy", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A file with one member of these bytes."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    """The header of an array of a shape and a kind."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numbers_and_text_of_every_kind_come_back(tmp_path: Path, save) -> None:
    given = {f"a{kind}": np.arange(6).reshape(2, 3).astype(kind) for kind in ("u1", ">i2", "<u8", "f2", ">f4", "f8")}
    given |= {"b": np.array([True, False]), "t": np.array(["x", "yz"]), "s": np.array(5), "none": np.zeros((0, 3))}
    given["fortran"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    save(tmp_path / "a.npz", **given)
    found = load_npz(tmp_path / "a.npz")
    assert found.keys() == given.keys()
    for name, array in given.items():
        assert np.array_equal(found[name], array) and found[name].dtype.isnative, name
        if name != "t":
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert numbers(found[name], name).tolist() == array.tolist()


def test_whole_numbers_become_int64_and_text_is_refused() -> None:
    assert numbers(np.array([7], np.uint16), "a").dtype == torch.int64
    with pytest.raises(ValueError, match="vertices holds text"):
        numbers(np.array("x"), "vertices")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header((10**13, 2)), r"claims \(10000000000000, 2\) of float32, 80000000000000 bytes, and has 0"),
        (header((3, 2)) + bytes(23), "24 bytes, and has 23"),
        (header((3, 2)) + bytes(25), "24 bytes, and has 25"),
        (header((-3, 2)), "claims"),
        (header((-1, -3)) + bytes(12), "claims"),
        (header((2**40, 0)), "claims"),
        (header((10**9,), "|S0"), "not plain numbers or text"),
        (header((1,), "<c8") + bytes(8), "not plain numbers or text"),
        (header((1,), "<M8[s]") + bytes(8), "not plain numbers or text"),
        (header((1,), "|O") + bytes(8), "not plain numbers or text"),
        (header((1,), "<f16") + bytes(16), "not plain numbers or text"),
        (header((1,))[:-1] + bytes(4), NOT_WHOLE),
        (b"no array at all", "magic"),
        (b"\x93NUMPY\x03\x00" + bytes(100), "version"),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 60000) + b"(" * 60000, NOT_WHOLE),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000, NOT_WHOLE),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 20) + b"{'descr': '<f4'     ", NOT_WHOLE),
        (b"", NOT_WHOLE),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        load_npz(packed(tmp_path / "a.npz", content))
    assert str(caught.value).startswith(NOT_WHOLE)


def test_members_that_numpy_does_not_write_are_refused(tmp_path: Path) -> None:
    whole = header((3,)) + bytes(12)
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with pytest.raises(ValueError, match=f"{NOT_WHOLE}.*packed by method"):
            load_npz(packed(tmp_path / "a.npz", whole, method=method))
    with pytest.raises(ValueError, match=f"{NOT_WHOLE}.*readme.txt is no array"):
        load_npz(packed(tmp_path / "a.npz", b"hello", "readme.txt"))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("a.npy", whole)
    with pytest.raises(ValueError, match=f"{NOT_WHOLE}.*two arrays have the same name"):
        load_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [(6, 1, "encrypted"), (8, 99, "method 99"), (None, 0, "decompress"), (4, 99, NOT_WHOLE)],
)
def test_a_changed_member_is_refused(tmp_path: Path, at: int | None, value: int, said: str) -> None:
    """Encrypted, of another method, of damaged data, of a later version of the format."""
    path = packed(tmp_path / "a.npz", header((3,)) + bytes(12))
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    if at is None:
        content[44:50] = b"\xff" * 6
    else:
        content[at] = content[central + at + 2] = value
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        load_npz(path)
    assert str(caught.value).startswith(NOT_WHOLE)


def test_every_changed_byte_is_read_or_refused(tmp_path: Path) -> None:
    path, seeded = tmp_path / "a.npz", np.random.default_rng(0)
    np.savez_compressed(path, landmarks=np.arange(136.0).reshape(68, 2), names=np.array(["a", "b"]))
    whole, refused = path.read_bytes(), 0
    for _ in range(600):
        content = bytearray(whole)
        for place in seeded.integers(0, len(content), seeded.integers(1, 4)):
            content[place] = seeded.integers(0, 256)
        path.write_bytes(content[: seeded.integers(1, len(content))] if seeded.random() < 0.1 else content)
        try:
            load_npz(path)
        except ValueError as error:
            assert str(error).startswith(NOT_WHOLE)
            refused += 1
    assert 400 < refused <= 600


def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "FREE", 10_000)
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(9_000, np.uint8))
    assert len(load_npz(tmp_path / "a.npz")["a"]) == 9_000
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(6_000, np.uint8), b=np.zeros(6_000, np.uint8))
    with pytest.raises(ValueError, match=f"{NOT_WHOLE} .its .* bytes would unpack to 12256"):
        load_npz(tmp_path / "a.npz")
    np.savez_compressed(tmp_path / "a.npz", a=np.random.default_rng(0).integers(0, 256, 20_000, np.uint8))
    assert len(load_npz(tmp_path / "a.npz")["a"]) == 20_000


BOMB = """
import sys, time
from asm_teach.base.arrays import load_npz
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before, start = peak(), time.process_time()
try:
    load_npz(sys.argv[1])
except ValueError:
    print(time.process_time() - start, (peak() - before) / 1024)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize("kind", ["zeros", "claim", "many"])
def test_a_bomb_costs_less_than_a_second_and_100_mb(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb.npz"
    if kind == "zeros":
        packed(path, header((150_000_000,), "|u1") + bytes(150_000_000))
    elif kind == "claim":
        packed(path, header((10**9, 2)) + bytes(100))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for k in range(100):
                archive.writestr(f"a{k}.npy", header((2_000_000,), "|u1") + bytes(2_000_000))
    done = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 1 and megabytes < 100


def test_one_array_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for array in (np.arange(6.0).reshape(2, 3), np.arange(3, dtype=">i4"), np.array(5), np.zeros((0, 2))):
        np.save(path, array)
        found = load_npy(path)
        assert found.dtype.isnative and np.array_equal(found, array) and found.shape == array.shape
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_npy(tmp_path / "none.npy")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda whole: whole[:-1], "claims"),
        (lambda whole: whole + b"0", "claims"),
        (lambda whole: whole[:40], "not a whole .npy file"),
        (lambda whole: b"", "not a whole .npy file"),
        (lambda whole: whole.replace(b"(2, 3)", b"(9" + b"0" * 12 + b",)"), "not a whole .npy file"),
        (lambda whole: whole.replace(b"'<f8'", b"'|O8'"), "not plain numbers"),
        (lambda whole: whole.replace(b"<f8", b"<f\xff"), "not a whole .npy file"),
    ],
)
def test_an_array_file_that_claims_something_else_is_refused(tmp_path: Path, change, said: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(2, 3))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=f"a.npy: .*{said}"):
        load_npy(path)

"""What stopped an answer, in words: in which line, with which shapes, and by which slip.

Torch names tensors "a" and "b" and counts axes in its own way. Here the sentence says what to look for, and which
tensors of the learner's function have which shape.
"""

from __future__ import annotations

import functools
import linecache
import re
import sysconfig
import traceback
from types import FrameType

from torch import Tensor

from asm_teach.base.files import PACKAGE

NOTHING = "nothing here yet"
STOPPED = "your code stops"
_LAST = "axes are compared from the last one; is a transpose, a [..., None] or a keepdim=True missing?"
_PAIR = "max, min, sort and topk with an axis return a pair (values, indices): take .values, or use amax and amin"
_TABLE: tuple[tuple[str, str], ...] = (  # what the message holds, and what to say; \1 and \2 are its groups
    (r"torch\.return_types|tuple indices must be integers", _PAIR),
    (r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)", rf"sizes \1 and \2 do not fit: {_LAST}"),
    (r"expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\)",
     rf"\1 and \2 do not fit: {_LAST}"),
    (r"mat1 and mat2 shapes cannot be multiplied \((\w+) and (\w+)\)",
     r"a matrix product of \1 and \2: the inner two sizes have to be the same; is a transpose (.T, .mT) missing?"),
    (r"size mismatch, got input \(\d+\), mat \((\w+)\), vec \((\d+)\)",
     r"a product of a matrix \1 and a vector of \2: the inner sizes have to be the same; is a transpose missing?"),
    (r"Expected size for first two dimensions of batch2 tensor to be: \[\d+, (\d+)\] but got: \[\d+, (\d+)\]",
     r"a matrix product with inner sizes \1 and \2, which have to be the same; is a transpose (.mT) missing?"),
    (r"1D tensors expected", "torch.dot takes two vectors; for rows use `points @ vector`"),
    (r"inconsistent tensor size", "the two vectors of a product have different lengths"),
    (r"Incompatible shapes of A and B for the equation AX = B",
     "solve(A, B) finds X with A X = B, A on the left: is the order, or a transpose, the right one?"),
    (r"must be batches of square matrices, but they are (\d+) by (\d+)",
     r"a square matrix is needed there, yours is \1 by \2"),
    (r"stack expects each tensor to be equal size", "torch.stack takes tensors of one shape only"),
    (r"shape '(.*)' is invalid for input of size (\d+)", r"\2 numbers do not fill the shape \1"),
    (r"not enough values to unpack|too many values to unpack|iteration over a 0-d",
     "several names on the left take a tensor apart along its first axis; for the last axis use .unbind(-1)"),
    (r"only one element tensors can be converted|only length-1 arrays can be converted|only 0-dimensional arrays",
     "the functions of math take one number; for a whole tensor use those of torch"),
    (r"only integer tensors of a single element", "a whole tensor stands where one whole number is needed"),
    (r"(\w+)\(\): argument '\w+' \(position \d\) must be Tensor, not (\w+)",
     r"torch.\1 takes a tensor, and found a plain \2: use math.\1, or torch.tensor(...)"),
    (r"^'(?:float|int)' object has no attribute '(\w+)'", r"a plain number has no .\1: use a function of math"),
    (r"'(?:builtin_function_or_method|method)'", "a method is called with brackets, as in x.sum()"),
    (r"Boolean value of Tensor with more than one value|truth value of an array",
     "`if`, `and` and `or` take one yes or no: for a whole tensor use torch.where, or multiply by the comparison"),
    (r"could not infer output dtype.*Got: (?:Bool|Long|Int)|mean.*(?:Bool|Long|Int)",
     "yes and no, or whole numbers, have no mean in torch: take .float() first"),
    (r"\bsub\b.*bool|Subtraction, the `-` operator, with (?:a|two) bool", "a yes or no cannot be subtracted: use ~x"),
    (r"must have the same dtype|expected .*(?:Double|double|Float|float)\b.*(?:Float|float|Double|double)\b",
     "float32 and float64 meet in one product: bring one to the other by x.to(y)"),
    (r"Dimension out of range .*but got (-?\d+)", r"there is no axis \1: axes are counted from 0"),
    (r"index (-?\d+) is out of (?:bounds|range)", r"there is no entry \1 along that axis: entries are counted from 0"),
    (r"too many indices", "there are more indices than axes"),
    (r"a leaf Variable that requires grad is being used in an in-place|view of a leaf",
     "an argument is changed in place there (+=, [...] = or a method with _): make a new tensor"),
    (r"Can't call numpy\(\)|can't convert.*numpy", "numpy cuts the derivatives: stay with torch"),
    (r"does not require grad", "no derivative leads back: was it cut by detach, .data, item() or a new tensor?"),
    (r"not positive-definite", "cholesky takes a symmetric matrix with positive eigenvalues, as Sigma = R D R^T is"),
    (r"[Ss]ingular", "the matrix has no inverse"),
    (r"can't multiply sequence by non-int", "a tuple or list cannot be multiplied by a number: take its parts first"),
    (r"missing (\d+) required positional argument", "your function has more arguments than the text gives it"),
    (r"takes (\d+) positional arguments? but (\d+)", r"your function takes \1 arguments, and the text gives it \2"),
    (r"unsupported operand type\(s\) for (.*): '?NoneType|for (.*): '.*' and 'NoneType'|NoneType",
     "a None is used as a number: is a `return` missing in a function of yours?"),
    (r"name '(\w+)' is not defined", r"the name \1 is not known: run the cells above, or look at its spelling"),
    (r"math domain error|expected a (?:positive|nonnegative) input", "a root or logarithm of a negative number"),
    (r"math range error", "exp of a number that is too large"),
)  # fmt: skip
_BY_KIND = {
    ZeroDivisionError: "a division by 0",
    KeyError: "there is no such key",
    RecursionError: "the function calls itself without end",
    OverflowError: "a number became too large",
}


class StoppedElsewhere(Exception):
    """What an answer raised in another process, as marking runs them; it carries the sentence that was made there."""

    sentence = ""


@functools.cache
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({str(PACKAGE)} | {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")})


def in_words(error: BaseException) -> str:
    """Say what went wrong, and in which line of the answer."""
    if isinstance(error, StoppedElsewhere):
        return error.sentence
    if isinstance(error, NotImplementedError) and not error.args:  # the stub; torch raises it too, with words
        return NOTHING
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(("<frozen", "<__array", *_libraries()))
    ]
    words = (str(error).strip().splitlines() or ["no message"])[0][:240]
    said = f"{type(error).__name__}: {words}"
    if not frames:
        return f"the answer has another form than the check expects; comparing it gave {said}"
    frame, number = frames[-1]
    line = linecache.getline(frame.f_code.co_filename, number).strip()
    place = f"{STOPPED} at line {number}" + (f", `{line}`" if line else "")
    plain = _plain(error, words)
    if plain is None:
        return f"{place}, with {said}"
    shapes = _shapes(frame, line) if re.search(r"siz|axes|axis|product|shape|unbind|square", plain) else ""
    return f"{place}: {plain}{shapes}"


def _plain(error: BaseException, words: str) -> str | None:
    """The sentence for an error that people often meet, or None."""
    for pattern, sentence in _TABLE:
        if found := re.search(pattern, words):
            return found.expand(sentence) if "\\" in sentence else sentence
    kind = next((plain for kind, plain in _BY_KIND.items() if isinstance(error, kind)), None)
    return f"{kind}, {words}" if kind and isinstance(error, KeyError) else kind


def _shapes(frame: FrameType, line: str) -> str:
    """The shapes of the tensors that stand in the line by name."""
    names = [name for name in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line)) if name in frame.f_locals]
    told = [f"{name} is {tuple(value.shape)}" for name in names if isinstance(value := frame.f_locals[name], Tensor)]
    return f" ({', '.join(told)})" if told else ""

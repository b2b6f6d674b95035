"""Pickled arrays of strangers: the few instructions that plain arrays need, carried out one by one.

A pickle is a program for a small stack machine, and Python's own machine runs what a file asks for.
The one here knows text, numbers, lists, dicts and numpy arrays. It calls nothing that a file
names, and it makes no more than MAX_GROWTH times the bytes that it was given: an array may claim no
more than the file holds, and many arrays may not be made of one piece of it.
"""

from __future__ import annotations

import math
import pickletools
import re
from enum import Enum
from typing import Any

import numpy as np

from datasets._io import plain
from datasets.base import DataError

MAX_OPCODES = 20_000
"""Instructions a pickle; an array takes about 25, and its values none."""

MAX_GROWTH = 8
"""Bytes of all arrays, texts and dicts that are made, over bytes of the pickle. Honest files need
no more than 2: what Python 3 writes for Python 2 is first a text and then an array. A list of
nothing, one byte an entry in the file, is an array of eight bytes an entry."""

_ENTRY = 64  # bytes that an entry of a copied dict counts for
_SAVE = "write it again with pickle, plain arrays only"

_VALUES = {  # instructions that push their own argument
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    "BYTEARRAY8",
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}


def restricted_load(raw: bytes, name: str) -> Any:
    """What the pickle ``raw`` holds, if that is built-in containers, numbers, text and arrays.

    Text written by Python 2 is taken as latin1. ``name`` is what messages call the file. Raises
    DataError for anything else, for damaged bytes, and for a pickle that would take far more memory
    than it has bytes. An OrderedDict comes back as a dict.
    """
    try:
        return _Machine(len(raw)).run(raw)
    except DataError as error:
        raise DataError(f"{name} {error}") from error
    except Exception as error:  # a damaged program does nearly anything to a stack
        if isinstance(error, UnicodeDecodeError) and not raw.startswith(b"\x80"):
            raise DataError(f"{name} is a pickle in text form; {_SAVE}") from error
        raise DataError(f"{name} is damaged; download or copy it again") from error


class _Machine:
    """JobGroup, marks and memo as in ``pickletools``; ``left``: bytes that may still be made."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # stacks under the marks
        self.memo: dict[int, Any] = {}
        self.left = MAX_GROWTH * size

    def run(self, raw: bytes) -> Any:
        for count, (opcode, value, _) in enumerate(pickletools.genops(raw)):
            if count > MAX_OPCODES:
                raise DataError(f"holds more than plain arrays; {_SAVE}")
            self._step(opcode.name, value)
        return self.stack.pop()

    def _step(self, name: str, value: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            # a dict hashes a key each time anew, and longer ones may have millions of digits
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise DataError(f"holds a number of more than 8 bytes; {_SAVE}")
            stack.append(value)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _PUTS:
            self._keep(value)
        elif name == "MEMOIZE":
            self._keep(len(self.memo))
        elif name in _GETS:
            stack.append(self.memo[value])
        elif name in _LENGTHS:
            stack.append(tuple(self._pop(_LENGTHS[name])))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(_known(*(value.split(" ", 1) if name == "GLOBAL" else self._pop(2))))
        elif name == "REDUCE":
            stack.append(self._call(*self._pop(2)))
        elif name == "BUILD":
            made, state = self._pop(2)
            self._spend(made.build(state))
            stack.append(made)
        elif name not in ("PROTO", "FRAME", "STOP"):
            self._contain(name)

    def _contain(self, name: str) -> None:
        """Lists, dicts and tuples of any length."""
        if name == "MARK":
            self.below.append(self.stack)
            self.stack = []
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            self.stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("APPEND", "SETITEM"):
            items = self._pop(1 if name == "APPEND" else 2)
            _fill(self.stack[-1], items)
        elif name in ("APPENDS", "SETITEMS", "TUPLE", "LIST", "DICT"):
            items, self.stack = self.stack, self.below.pop()
            if name == "TUPLE":
                self.stack.append(tuple(items))
            elif name in ("LIST", "DICT"):
                self.stack.append(_fill([] if name == "LIST" else {}, items))
            else:
                _fill(self.stack[-1], items)
        else:
            raise DataError(f"holds more than plain arrays; {_SAVE}")

    def _pop(self, count: int) -> list[Any]:
        return [self.stack.pop() for _ in range(count)][::-1]

    def _keep(self, slot: int) -> None:
        if slot > MAX_OPCODES:
            raise DataError(f"holds more than plain arrays; {_SAVE}")
        self.memo[slot] = self.stack[-1]

    def _call(self, known: object, given: Any) -> Any:
        """What the known function makes of ``given``."""
        if known is _Known.DTYPE:
            return _Dtype(*given)
        if known is _Known.RECONSTRUCT:
            return _array(*given)
        if known is _Known.FROMBUFFER:
            content, dtype, shape, order = given
            self._spend(_size(shape, dtype, content))
            return _view(shape, dtype, content, order).copy(order)
        if known is _Known.SCALAR:
            dtype, content = given
            self._spend(_size((), dtype, content))
            return _view((), dtype, content)[()]
        if known is _Known.ENCODE:
            self._spend(len(given[0]))
            return _encode(*given)
        if known is _Known.DICT:
            (pairs,) = given or [()]
            self._spend(_ENTRY * len(pairs))
            return _fill({}, [each for key, value in pairs for each in (key, value)])
        raise DataError(f"calls what is no function; {_SAVE}")

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise DataError(
                f"would take more than {MAX_GROWTH} times its own size in memory; {_SAVE}"
            )


def _fill(container: Any, items: list[Any]) -> Any:
    """``container`` with ``items``, keys and values in turn if it is a dict."""
    if type(container) is list:
        container += items
    elif type(container) is dict:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes | int):  # nested tuples may take for ever to hash
                raise DataError(f"holds a dict whose keys are no names; {_SAVE}")
            container[key] = value
    else:
        raise TypeError(type(container))
    return container


_Known = Enum("_Known", "RECONSTRUCT FROMBUFFER SCALAR NDARRAY DTYPE ENCODE DICT")
_ALLOWED = {
    "numpy.core.multiarray._reconstruct": _Known.RECONSTRUCT,
    "numpy.core.numeric._frombuffer": _Known.FROMBUFFER,  # arrays of protocol 5
    "numpy.core.multiarray.scalar": _Known.SCALAR,
    "numpy.ndarray": _Known.NDARRAY,
    "numpy.dtype": _Known.DTYPE,
    "_codecs.encode": _Known.ENCODE,
    "collections.OrderedDict": _Known.DICT,
}


def _known(module: str, name: str) -> _Known:
    # numpy 2 renamed numpy.core; files keep the spelling of the numpy that wrote them
    asked = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else "no name"
    found = _ALLOWED.get(asked.replace("numpy._core", "numpy.core"))
    if found is None:
        raise DataError(f"asks for {plain(asked)}, but only plain numpy arrays are read; {_SAVE}")
    return found


class _Array(np.ndarray):
    """An array whose state is looked at before numpy believes it."""

    def build(self, state: Any) -> int:
        """Take the state; returns the array's bytes."""
        _, shape, dtype, fortran, content = state
        size = _size(shape, dtype, content)
        if isinstance(content, str):
            content = content.encode("latin1")
        told: Any = (1, shape, dtype.made, bool(fortran), content)
        self.__setstate__(told)
        return size

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.view(np.ndarray).__reduce_ex__(protocol)  # once read, an array like any other


def _size(shape: Any, dtype: Any, content: Any) -> int:
    """Bytes of an array, if ``content`` holds as many; an entry of none counts as one byte."""
    if not _possible(shape) or not isinstance(dtype, _Dtype):
        raise DataError(f"holds an array of no possible shape; {_SAVE}")
    # numpy allocates, and for objects also reads, by the shape it is told
    size, kind = math.prod(shape), dtype.made
    if kind.hasobject:
        whole = isinstance(content, list) and len(content) == size
    else:
        whole = isinstance(content, str | bytes | bytearray)  # str: bytes of Python 2, as latin1
        whole = whole and len(content) == size * kind.itemsize
    if not whole:
        raise DataError("holds an array that is cut short; download or copy it again")
    return size * max(kind.itemsize, 1)


def _view(shape: Any, dtype: _Dtype, content: Any, order: Any = "C") -> np.ndarray:
    """An array whose size was looked at, on the bytes ``content``; there are none of objects."""
    if dtype.made.hasobject or order not in ("C", "F"):
        raise DataError(f"holds an array of an unusual type; {_SAVE}")
    raw = content.encode("latin1") if isinstance(content, str) else content
    return np.ndarray(shape, dtype.made, raw, order=order)


def _possible(shape: Any) -> bool:
    """Whole numbers, few and not negative: a product of anything else may have any size."""
    return (
        isinstance(shape, tuple)
        and len(shape) <= 32
        and all(isinstance(n, int) and 0 <= n < 2**63 for n in shape)
    )


class _Dtype:
    """A type by its code and byte order alone; numpy's own would also take flags from the file."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[?biufcSUO]\d{0,6}", code):
            raise DataError(f"holds an array of an unusual type; {_SAVE}")
        self.code, self.made = code, np.dtype(code)

    def build(self, state: Any) -> int:
        """Take the byte order from the state; returns the bytes that this makes: none."""
        order, *structure = state[1:5]
        plain = isinstance(order, str) and order in ("<", ">", "=", "|")
        if not plain or any(part is not None for part in structure):
            raise DataError(f"holds an array of an unusual type; {_SAVE}")
        self.made = np.dtype(f"{order}{self.code}")
        return 0


def _array(kind: object, shape: object, code: object) -> np.ndarray:
    if kind is not _Known.NDARRAY or not isinstance(shape, tuple) or shape != (0,):
        raise DataError(f"rebuilds something that is not a plain array; {_SAVE}")
    return np.empty(0).view(_Array)


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise DataError(f"asks for an unusual text encoding; {_SAVE}")
    return text.encode("latin1")

"""Pickled arrays: an interpreter of the few opcodes that plain arrays need.

A pickle is a program for a stack machine, and Python's own unpickler runs any function that the
program names. The interpreter here supports text, numbers, lists, dicts and numpy arrays. It calls
nothing that a file names, and allocates at most MAX_GROWTH times the size of the pickle: an array
cannot be larger than its bytes in the file, and the same bytes cannot be used for many arrays.
"""

from __future__ import annotations

import math
import pickletools
import re
from enum import Enum
from typing import Any

import numpy as np

from datasets._io.files import printable
from datasets.base import DataError

MAX_OPCODES = 20_000
"""Opcodes in a pickle; an array takes about 25, whatever its size."""

MAX_GROWTH = 8
"""Bytes of all arrays, texts and dicts that are created, over bytes of the pickle. Genuine files
need at most 2: what Python 3 writes for Python 2 is first a text and then an array. A list of None,
one byte an entry in the file, becomes an array of eight bytes an entry."""

_ENTRY = 64  # bytes counted for an entry of a copied dict
_SAVE = "copy it again, or save plain arrays only"

_VALUES = {  # opcodes that push their own argument
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    "BYTEARRAY8",
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}


def read_pickle(raw: bytes, name: str) -> Any:
    """The content of the pickle ``raw``: built-in containers, numbers, text and arrays.

    Text written by Python 2 is decoded as latin1. ``name`` is what messages call the file. Raises
    DataError for any other content, for damaged bytes, and for a pickle that would need far more
    memory than it has bytes. An OrderedDict is returned as a dict.
    """
    try:
        return _Interpreter(len(raw)).run(raw)
    except DataError as error:
        raise DataError(f"{name} {error}") from error
    except Exception as error:  # a damaged program can raise anything
        if isinstance(error, UnicodeDecodeError) and not raw.startswith(b"\x80"):
            raise DataError(f"{name} is a pickle in text form; {_SAVE}") from error
        raise DataError(f"{name} is damaged; download or copy it again") from error


class _Interpreter:
    """Stack, marks and memo as in ``pickletools``; ``left``: bytes that may still be allocated."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # stacks below the marks
        self.memo: dict[int, Any] = {}
        self.left = MAX_GROWTH * size

    def run(self, raw: bytes) -> Any:
        for count, (opcode, value, _) in enumerate(pickletools.genops(raw)):
            if count > MAX_OPCODES:
                raise DataError(f"contains more than plain arrays; {_SAVE}")
            self._step(opcode.name, value)
        return self.stack.pop()

    def _step(self, name: str, value: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            # a dict hashes its keys again and again, and an int may have millions of digits
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise DataError(f"contains a number of more than 8 bytes; {_SAVE}")
            stack.append(value)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _PUTS:
            self._memorise(value)
        elif name == "MEMOIZE":
            self._memorise(len(self.memo))
        elif name in _GETS:
            stack.append(self.memo[value])
        elif name in _LENGTHS:
            stack.append(tuple(self._pop(_LENGTHS[name])))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(_known(*(value.split(" ", 1) if name == "GLOBAL" else self._pop(2))))
        elif name == "REDUCE":
            stack.append(self._call(*self._pop(2)))
        elif name == "BUILD":
            target, state = self._pop(2)
            self._allocate(target.build(state))
            stack.append(target)
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
            raise DataError(f"contains more than plain arrays; {_SAVE}")

    def _pop(self, count: int) -> list[Any]:
        return [self.stack.pop() for _ in range(count)][::-1]

    def _memorise(self, slot: int) -> None:
        if slot > MAX_OPCODES:
            raise DataError(f"contains more than plain arrays; {_SAVE}")
        self.memo[slot] = self.stack[-1]

    def _call(self, known: object, given: Any) -> Any:
        """The result of the known function for the arguments ``given``."""
        if known is _Known.DTYPE:
            return _Dtype(*given)
        if known is _Known.RECONSTRUCT:
            return _array(*given)
        if known is _Known.FROMBUFFER:
            content, dtype, shape, order = given
            self._allocate(_size(shape, dtype, content))
            return _view(shape, dtype, content, order).copy(order)
        if known is _Known.SCALAR:
            dtype, content = given
            self._allocate(_size((), dtype, content))
            return _view((), dtype, content)[()]
        if known is _Known.ENCODE:
            self._allocate(len(given[0]))
            return _encode(*given)
        if known is _Known.DICT:
            (pairs,) = given or [()]
            self._allocate(_ENTRY * len(pairs))
            return _fill({}, [item for key, value in pairs for item in (key, value)])
        raise DataError(f"calls something that is not a function; {_SAVE}")

    def _allocate(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise DataError(
                f"would need more than {MAX_GROWTH} times its own size in memory; {_SAVE}"
            )


def _fill(container: Any, items: list[Any]) -> Any:
    """``container`` with ``items``, keys and values in turn if it is a dict."""
    if type(container) is list:
        container += items
    elif type(container) is dict:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes | int):  # hashing nested tuples may never end
                raise DataError(f"contains a dict whose keys are not names; {_SAVE}")
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
    # numpy 2 renamed numpy.core; a file has the name of the numpy that wrote it
    asked = (
        f"{module}.{name}"
        if isinstance(module, str) and isinstance(name, str)
        else "something without a name"
    )
    function = _ALLOWED.get(asked.replace("numpy._core", "numpy.core"))
    if function is None:
        raise DataError(
            f"asks for {printable(asked)}, but only plain numpy arrays are read; {_SAVE}"
        )
    return function


class _Array(np.ndarray):
    """An array whose state is checked before numpy uses it."""

    def build(self, state: Any) -> int:
        """Set the state; returns the size of the array in bytes."""
        _, shape, dtype, fortran, content = state
        size = _size(shape, dtype, content)
        if isinstance(content, str):
            content = content.encode("latin1")
        checked: Any = (1, shape, dtype.dtype, bool(fortran), content)
        self.__setstate__(checked)
        return size

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.view(np.ndarray).__reduce_ex__(protocol)  # an ordinary array once it is read


def _size(shape: Any, dtype: Any, content: Any) -> int:
    """Bytes of an array; raises unless ``content`` has them. An entry of 0 bytes counts as one."""
    if not _possible(shape) or not isinstance(dtype, _Dtype):
        raise DataError(f"contains an array of impossible shape; {_SAVE}")
    # numpy allocates, and for objects also reads, by the shape that is given
    size, kind = math.prod(shape), dtype.dtype
    if kind.hasobject:
        complete = isinstance(content, list) and len(content) == size
    else:
        complete = isinstance(content, str | bytes | bytearray)  # str: bytes of Python 2
        complete = complete and len(content) == size * kind.itemsize
    if not complete:
        raise DataError("contains an array that is cut short; download or copy it again")
    return size * max(kind.itemsize, 1)


def _view(shape: Any, dtype: _Dtype, content: Any, order: Any = "C") -> np.ndarray:
    """An array of numbers or text on the bytes ``content``, whose size has been checked."""
    if dtype.dtype.hasobject or order not in ("C", "F"):
        raise DataError(f"contains an array of an unusual type; {_SAVE}")
    raw = content.encode("latin1") if isinstance(content, str) else content
    return np.ndarray(shape, dtype.dtype, raw, order=order)


def _possible(shape: Any) -> bool:
    """Few non-negative integers: the product of anything else may have any size."""
    return (
        isinstance(shape, tuple)
        and len(shape) <= 32
        and all(isinstance(n, int) and 0 <= n < 2**63 for n in shape)
    )


class _Dtype:
    """A type by its code and byte order alone; numpy's own also takes flags from the file."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[?biufcSUO]\d{0,6}", code):
            raise DataError(f"contains an array of an unusual type; {_SAVE}")
        self.code, self.dtype = code, np.dtype(code)

    def build(self, state: Any) -> int:
        """Set the byte order from the state; returns the bytes allocated, which are 0."""
        order, *structure = state[1:5]
        known = isinstance(order, str) and order in ("<", ">", "=", "|")
        if not known or any(part is not None for part in structure):
            raise DataError(f"contains an array of an unusual type; {_SAVE}")
        self.dtype = np.dtype(f"{order}{self.code}")
        return 0


def _array(kind: object, shape: object, code: object) -> np.ndarray:
    if kind is not _Known.NDARRAY or not isinstance(shape, tuple) or shape != (0,):
        raise DataError(f"rebuilds something other than a plain array; {_SAVE}")
    return np.empty(0).view(_Array)


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise DataError(f"asks for an unusual text encoding; {_SAVE}")
    return text.encode("latin1")

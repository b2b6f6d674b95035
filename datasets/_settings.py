"""Settings: one line each, with default, meaning and what is legal; checked, and read from text.

A method's hyper-parameters (``methods.base.Config``) and a data set's options are both fields of a
:class:`Settings`, so ``--set smvae.c=10`` and ``--data-option deap.filter=both`` are read, checked
and refused by the same code.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from datasets._wording import similar


class SettingError(ValueError):
    """A setting does not exist, or not with this value; the message names it and what is legal."""


def setting(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] = (),
    parse: Callable[[str], Any] | None = None,
    typed: str = "",
    **marks: Any,
) -> Any:
    """One setting on one line.

    ``low`` / ``high``  inclusive bounds of a number, or of each of several.
    ``choices``  all that it may be.
    ``parse``  text -> value, where the type does not say how. Raises ValueError with words that
               follow the setting's name.   ``typed`` the default as one would type it.
    ``marks``  what else is to be known of it, kept in the field's metadata.
    """
    legal = {"low": low, "high": high, "choices": tuple(choices), "parse": parse}
    return field(default=default, metadata={**legal, **marks, "doc": meaning, "typed": typed})


@dataclass(frozen=True)
class Described:
    """A setting for people: every part is text, "" where there is nothing to say."""

    name: str
    default: str
    meaning: str
    legal: str
    grid: str


@dataclass(frozen=True)
class Settings:
    """Base of declared settings: each is checked on construction."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item.name, item, getattr(self, item.name))

    def settings(self) -> dict[str, Any]:
        """Every setting by name; values are plain and JSON-able."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    @classmethod
    def parsed(cls, owner: str, texts: Mapping[str, str]) -> dict[str, Any]:
        """Values of the settings in ``texts``, typed by their fields and checked.

        ``owner``  who has them, for the messages. Raises SettingError.
        """
        known = {item.name: item for item in dataclasses.fields(cls)}
        hints, values = _hints(cls), {}
        for name, text in texts.items():
            if name not in known:
                raise SettingError(_unknown(owner, name, list(known)))
            what, item = f"{owner}.{name}", known[name]
            values[name] = _parse(what, item, hints[name], text)
            _check(what, item, values[name])
        return values

    @classmethod
    def from_text(cls, owner: str, texts: Mapping[str, str] | None = None) -> Self:
        """The settings of ``texts``, defaults filled in. Raises SettingError."""
        return cls(**cls.parsed(owner, texts or {}))

    @classmethod
    def described(cls) -> tuple[Described, ...]:
        """Every setting in words, in order."""
        return tuple(
            Described(
                item.name,
                item.metadata["typed"] or to_text(item.default),
                item.metadata["doc"],
                _legal(item),
                ", ".join(map(to_text, item.metadata.get("grid", ()))),
            )
            for item in dataclasses.fields(cls)
        )


def to_text(value: Any) -> str:
    """A value as ``parsed`` would read it: 0.5, true, none, 200,100."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(to_text, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _unknown(owner: str, name: str, known: list[str]) -> str:
    if not known:
        return f"{owner} has no setting '{name}'; it has none"
    near = similar(name, known)
    if near:
        return f"{owner} has no setting '{name}'; did you mean {' or '.join(near)}?"
    return f"{owner} has no setting '{name}'; it has: {', '.join(known)}"


def _parse(what: str, item: dataclasses.Field[Any], hint: Any, text: str) -> Any:
    try:
        if item.metadata.get("parse"):
            return item.metadata["parse"](text)
        return _typed(hint, text.strip())
    except ValueError as error:
        raise SettingError(f"{what} {error}") from error


def _typed(hint: Any, text: str) -> Any:
    """``text`` as a value of type ``hint``. Raises ValueError with words that follow a name."""
    if get_origin(hint) in (Union, UnionType):
        if text.lower() == "none" and NoneType in get_args(hint):
            return None
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is tuple:
        pieces = text.split(",") if text else ()
        return tuple(_typed(get_args(hint)[0], piece.strip()) for piece in pieces)
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"must be true or false, not '{text}'")
        return text.lower() == "true"
    if hint in (int, float):
        try:
            value = hint(text)
        except ValueError:
            kind = "a whole number" if hint is int else "a number"
            raise ValueError(f"must be {kind}, not '{text}'") from None
        if math.isnan(value):
            raise ValueError(f"must be a number, not '{text}'")
        return value
    if hint is str or get_origin(hint) is Literal:
        return text
    raise TypeError(f"no text is read as {hint}: give the setting a parse function")


def _check(what: str, item: dataclasses.Field[Any], value: Any) -> None:
    legal: Mapping[str, Any] = item.metadata
    choices, low, high = legal.get("choices"), legal.get("low"), legal.get("high")
    if choices and value not in choices:
        raise SettingError(
            f"{what} must be one of {', '.join(map(to_text, choices))}, not {value!r}"
        )
    if low is None and high is None:
        return
    if value is None and "None" in str(item.type):
        return
    for number in value if isinstance(value, tuple) else (value,):
        if not _within(number, low, high):
            raise SettingError(f"{what} must lie in {_bounds(low, high)}, not {number!r}")


def _within(value: Any, low: float | None, high: float | None) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def _bounds(low: float | None, high: float | None) -> str:
    return (
        f"[{'-inf' if low is None else to_text(low)}, {'inf' if high is None else to_text(high)}]"
    )


def _legal(item: dataclasses.Field[Any]) -> str:
    low, high = item.metadata["low"], item.metadata["high"]
    if item.metadata["choices"]:
        return f"one of {', '.join(map(to_text, item.metadata['choices']))}"
    return "" if low is None and high is None else f"in {_bounds(low, high)}"

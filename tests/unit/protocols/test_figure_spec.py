"""Layouts are checked when a protocol is loaded; the report reads the fields that are checked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from harness import registry
from harness.errors import UsageError
from harness.report import layout as read
from harness.report.figures import kind_of, kinds
from protocols import _figure_spec as spec
from protocols.base import Protocol

VALUE = {"column": "accuracy", "label": "test accuracy"}
EFFECT = {"line": "one", "panel": "all", "rows": {"smvae": 1.0}}
AXIS = {"name": "missing", "label": "share"}


@pytest.mark.parametrize(
    ("layout", "named"),
    [
        ({"kind": "curves"}, "values"),
        ({"kind": "curves", "values": (VALUE,), "axis": ()}, "axis"),
        ({"kind": "curves", "values": ({"column": "accuracy"},)}, "label"),
        ({"kind": "curves", "values": (VALUE, VALUE)}, "twice"),
        ({"kind": "curves", "values": (VALUE,), "axes": (AXIS | {"percent": "yes"},)}, "percent"),
        ({"kind": "curves", "values": (VALUE,), "lines": "columns"}, "lines"),
        ({"values": (VALUE,)}, "kind"),
        ({"kind": "effects", "values": (VALUE,)}, "effects"),
        ({"kind": "dots", "values": (VALUE,), "effects": (EFFECT,)}, "effects"),
        ({"kind": "effects", "values": (VALUE,), "effects": (EFFECT, EFFECT)}, "same line"),
        ({"kind": "effects", "values": (VALUE,), "effects": ({"line": "one"},)}, "panel"),
    ],
)
def test_a_layout_that_no_report_could_use_fails_when_its_class_is_made(
    layout: dict[str, Any], named: str
) -> None:
    with pytest.raises(TypeError, match=named) as caught:
        type("Odd", (Protocol,), {"layout": layout})
    assert "Odd" in str(caught.value)


def test_a_kind_that_no_file_holds_is_refused_on_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.load_protocol("figure3")
    monkeypatch.setattr(type(real), "layout", {"kind": "curve", "values": (VALUE,)})
    with pytest.raises(UsageError, match="curves"):
        registry.load_protocol("figure3")


@pytest.mark.parametrize("key", registry.entries("protocols"))
def test_every_protocol_has_the_axes_of_its_kind(key: str) -> None:
    layout = spec.check_layout(registry.load_protocol(key).layout)
    if layout.kind not in ("table", "properties"):
        assert len(layout.axes) == kind_of(layout.kind).axes


def test_the_report_reads_the_fields_that_are_checked() -> None:
    for name in ("Axis", "Value", "Effect", "Layout"):
        written, known = (
            {f.name: f.default for f in fields(getattr(module, name))} for module in (spec, read)
        )
        assert written == known


def test_kinds_are_found_by_file_name() -> None:
    assert set(kinds()) == {"curves", "dots", "effects", "heat", "leak", "matrices", "weights"}
    with pytest.raises(ValueError, match="dots"):
        kind_of("none")

"""Layouts are checked when a protocol is loaded; kinds are found by file name."""

from __future__ import annotations

from typing import Any

import pytest

from harness import registry
from harness.errors import UsageError
from harness.layout import Layout, kinds
from harness.report.figures import kind_of

VALUE = {"column": "accuracy", "label": "test accuracy"}
AXIS = {"name": "missing", "label": "share"}
EFFECT = {"line": "one", "panel": "all", "rows": {"smvae": 1.0}}


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
        ({"kind": "curve", "values": (VALUE,)}, "curves"),
        ({"kind": "effects", "values": (VALUE,)}, "effects"),
        ({"kind": "dots", "values": (VALUE,), "effects": (EFFECT,)}, "effects"),
        ({"kind": "effects", "values": (VALUE,), "effects": (EFFECT, EFFECT)}, "same line"),
        ({"kind": "effects", "values": (VALUE,), "effects": ({"line": "one"},)}, "panel"),
    ],
)
def test_a_layout_that_no_report_could_use_fails_when_its_protocol_is_loaded(
    layout: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((TypeError, ValueError), match=named):
        Layout.of(layout)
    real = registry.load_protocol("figure3")
    monkeypatch.setattr(type(real), "layout", layout)
    with pytest.raises(UsageError, match=named) as caught:
        registry.load_protocol("figure3")
    assert "figure3.py" in str(caught.value)


@pytest.mark.parametrize("key", registry.entries("protocols"))
def test_every_protocol_has_the_axes_of_its_kind(key: str) -> None:
    layout = Layout.of(registry.load_protocol(key).layout)
    assert len(layout.axes) == kind_of(layout.kind).axes


def test_kinds_are_found_by_file_name() -> None:
    figures = {"curves", "dots", "effects", "heat", "leak", "matrices", "weights"}
    assert set(kinds()) == figures | {"table", "properties"}
    with pytest.raises(ValueError, match="dots"):
        kind_of("none")

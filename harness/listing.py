"""What ``--list`` prints: entries by key, rows of a protocol, hyper-parameters of methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from datasets.base import Settings
from harness import registry
from harness.errors import UsageError, unknown
from harness.options import Options

KEY_WIDTH = 22


def lines(options: Options) -> Iterator[str]:
    """The lines of ``options.listing``. Raises UsageError for an unknown or missing name."""
    if options.listing == "rows":
        return rows(options)
    if options.listing == "settings":
        return settings(options.methods)
    return entries(options.listing)  # pyright: ignore[reportArgumentType]: one of the three kinds


def entries(kind: registry.Kind) -> Iterator[str]:
    """Key and first sentence of every method, data set or protocol; imports none of them."""
    for key in registry.entries(kind):
        try:
            summary = registry.first_line(kind, key)
        except registry.EntryError as error:
            summary = f"BROKEN, left out: {error}"
        yield f"{key:<{KEY_WIDTH}} {summary}"


def rows(options: Options) -> Iterator[str]:
    """Key, block and title of every row of the protocols, under the views of their data sets.

    The data sets are those named, else those of a preview. ``--method`` selects rows as in a run.
    """
    from harness.plan import resolve
    from harness.plan.cards import broken_methods, method_cards
    from harness.plan.rows import matches

    if not options.protocols:
        raise UsageError("--list rows needs a --protocol, for example --protocol table2")
    root = resolve.data_root(options.data_root, searched=not options.datasets)
    chosen = resolve.data_options(options.data_options)
    cards, broken = method_cards(), broken_methods()
    protocols, unloaded = resolve.protocols(options.protocols)
    for name, protocol in protocols.items():
        specs = options.datasets or protocol.datasets["preview"]
        views = [resolve.open_dataset(spec, root, chosen)[0].view_names for spec in specs]
        shown = {row.key: row for names in views for row in protocol.rows(names, cards)}
        if options.methods:
            shown = {k: r for k, r in shown.items() if any(matches(r, p) for p in options.methods)}
        yield f"{name}: {protocol.title}"
        width = max(map(len, shown), default=0)
        for row in shown.values():
            note = "  (optional: name it with --method)" if row.optional else ""
            yield f"  {row.key:<{width}}  {row.block:<12}  {row.title}{note}"
        if not shown:
            yield "  no rows" if not options.methods else "  no row matches"
    yield from (f"left out: {error}" for error in (*broken, *unloaded))


def settings(only: Sequence[str] = ()) -> Iterator[str]:
    """Default, range, candidates and meaning of every hyper-parameter and data-set option.

    ``only``  globs over method keys: list only these methods, and no data set.
    """
    keys = list(registry.entries("methods"))
    for pattern in only:
        if not any(fnmatchcase(key, pattern) for key in keys):
            raise UsageError(unknown("method", pattern, keys))
    for key in keys:
        if only and not any(fnmatchcase(key, pattern) for pattern in only):
            continue
        try:
            method = registry.load_method(key)
        except registry.EntryError as error:
            if key in only:
                raise
            yield f"{key}  BROKEN, left out: {error}"
            continue
        yield f"{key}  ({method.title}; --set)"
        yield from _described(key, method.Config)
    for key, module in ({} if only else registry.modules("datasets")[0]).items():
        if declared := getattr(module, "OPTIONS", None):
            yield f"{key}  (data set; --data-option)"
            yield from _described(key, declared)
    if not only:
        yield f"{registry.OWN_FILE}  (your own file; --data-option)"
        yield from _described(registry.OWN_FILE, registry.own_file().OPTIONS)


def _described(key: str, settings: type[Settings]) -> Iterator[str]:
    for setting in settings.described():
        parts = [setting.meaning, setting.legal, setting.grid and f"candidates: {setting.grid}"]
        yield f"  {key}.{setting.name} = {setting.default}"
        yield f"      {'; '.join(filter(None, parts))}"

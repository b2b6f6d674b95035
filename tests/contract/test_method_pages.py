"""Every method has its page, the page says what the source says, and something vouches for it."""

from __future__ import annotations

import pytest

from harness import registry
from methods._sklearn import SklearnMethod
from tests.contract.method_pages import FOLDER, ORACLES, named, oracles, pages
from tests.contract.suite import METHODS, every_method

TRIVIAL = {"majority"}
"""Counts labels; there is nothing numerical to vouch for."""


def test_no_entry_lacks_its_page_and_no_page_its_entry() -> None:
    written = {path.name for path in FOLDER.glob("*.md")}
    assert written == {"README.md", *(f"{key}.md" for key in METHODS)}, "run: make docs"


@pytest.fixture(scope="session")
def made() -> dict[str, str]:
    """The text of every page, as the sources have it; made once, since that takes seconds.

    Of the session: between two tests of a group xdist may run those of another module, which would
    end a fixture of this one.
    """
    return pages()


@pytest.mark.xdist_group("pages")
@pytest.mark.parametrize("name", ["README.md", *(f"{key}.md" for key in METHODS)])
def test_a_page_says_what_the_source_says(name: str, made: dict[str, str]) -> None:
    assert (FOLDER / name).read_text("utf-8") == made[name], "run: make docs"


@every_method
def test_every_method_is_held_against_something_nobody_here_wrote(key: str) -> None:
    borrowed = issubclass(registry.load_method(key), SklearnMethod)
    assert oracles(key) or borrowed or key in TRIVIAL, (
        f"nothing vouches for {key}: write tests/oracle/test_{key}.py against a closed form, a "
        f'library or a published number, with METHODS = ("{key}",) in it'
    )


def test_every_oracle_names_registered_methods() -> None:
    modules = sorted(ORACLES.glob("test_*.py"))
    assert modules
    for path in modules:
        assert named(path), f"{path.name} does not say METHODS = (...)"
        assert set(named(path)) <= set(METHODS), path.name

"""Write the expected report anew: ``python -m tests.golden.update``, then read the diff."""

from __future__ import annotations

from harness.report.write import contents
from tests.golden.table2_case import COMPARED, EXPECTED, given


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    made = contents(given(), kinds=())
    for name in COMPARED:
        (EXPECTED / name).write_bytes(made[name])
        print(f"wrote {EXPECTED / name}")


if __name__ == "__main__":
    main()

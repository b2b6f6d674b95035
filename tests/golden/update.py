"""Write the expected report anew: ``python -m tests.golden.update``, then read the diff."""

from __future__ import annotations

from harness.report.write import contents
from protocols.published import published_table
from tests.golden.table2_case import COMPARED, EXPECTED, META, trials


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    made = contents(trials(), META, published_table("table2"), kinds=())
    for name in COMPARED:
        (EXPECTED / name).write_bytes(made[name])
        print(f"wrote {EXPECTED / name}")


if __name__ == "__main__":
    main()

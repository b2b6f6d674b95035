"""What the project costs, and the evidence behind its defaults; one thread a process."""

from harness.run.threads import set_environment

set_environment()

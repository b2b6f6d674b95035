"""Multi-view files as people publish them: what is in a file, and how it is read as a data set.

``contents``  bytes to named arrays (``.mat`` of any version, ``.npz``, a folder of tables)
``read``      named arrays to views, labels, groups and parts, or one sentence that asks
``describe``  what ``--inspect`` prints
``Choices``   the settings that decide what a file leaves open, ``--data-option file.NAME=VALUE``

Nothing is guessed: where two readings of a file fit, the message names both and the flag.
"""

from datasets._multiview.find import Reading, read
from datasets._multiview.inspect import describe
from datasets._multiview.options import Choices, choices

__all__ = ["Choices", "Reading", "choices", "describe", "read"]

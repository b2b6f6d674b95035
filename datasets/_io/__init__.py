"""Untrusted input files: readers that check what a file states before they use it.

Every reader takes a path (or bytes) and the name that messages give the file. It returns arrays, or
raises :class:`datasets.base.DataError` with one sentence that says how to fix the problem, whatever
the file contains: no file runs code, and none makes the process use more memory than a stated
limit. Other modules import from this package, not from the modules in it.

``read_npz``, ``read_npy``, ``read_mat``, ``read_pickle``, ``read_microvolts``   the formats: NumPy
    archives and single arrays, MATLAB up to version 7, pickled arrays, EDF recordings
``vendored``         an archive of ``datasets/vendor``, after its checksum is compared
``cached_features``  results of a slow computation on a file, stored between runs
``read_plain``       an ``.npz`` of which arrays of Python objects are described and not read
``write_npz``        an archive whose bytes depend on its content alone
``search``           (a module) files of a data set wherever they lie below the data root
``check_file``       a path is a regular file, of limited size, that can be opened
``printable``        text from a file, made safe for a message
``too_large``        the message for a file that would need too much memory
"""

from datasets._io import search
from datasets._io.cache import FOLDER, Arrays, cached_features
from datasets._io.edf import read_microvolts
from datasets._io.files import MAX_BYTES, check_file, printable, sha256, too_large
from datasets._io.mat import MAX_CELLS, read_mat
from datasets._io.npy import read_npy
from datasets._io.npz import Objects, read_npz, read_plain, write_npz
from datasets._io.pickle import read_pickle
from datasets._io.vendor import VENDOR, vendored

__all__ = [
    "FOLDER",
    "MAX_BYTES",
    "MAX_CELLS",
    "VENDOR",
    "Arrays",
    "Objects",
    "cached_features",
    "check_file",
    "printable",
    "read_mat",
    "read_microvolts",
    "read_npy",
    "read_npz",
    "read_pickle",
    "read_plain",
    "search",
    "sha256",
    "too_large",
    "vendored",
    "write_npz",
]

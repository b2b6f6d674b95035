"""A checksum at the end of each line of a ledger, so that a damaged number is never taken for one.

A flipped bit may leave a line that is JSON still, with another accuracy in it. The checksum is the
CRC-32 of the line without it, as the last key, ``"crc32"``: it finds every change of up to 32 bits
in a row. Lines without one, of earlier ledgers, are read as they are.
"""

from __future__ import annotations

import re
import zlib

SEAL = re.compile(rb', "crc32": "([0-9a-f]{8})"\}$')
LENGTH = len(b', "crc32": "00000000"}')


def sealed(line: str) -> bytes:
    """The line of a JSON object as bytes, checksum and newline added."""
    content = line.encode()
    return content[:-1] + b', "crc32": "%08x"}\n' % zlib.crc32(content)


def opened(line: bytes) -> str:
    """The line without its checksum. Raises ValueError if the checksum is that of another line."""
    line = line.rstrip(b"\r\n")
    seal = SEAL.search(line, max(0, len(line) - LENGTH))
    if seal is None:
        return line.decode()
    content = line[: seal.start()] + b"}"
    if zlib.crc32(content) != int(seal[1], 16):
        raise ValueError("the line differs from its checksum")
    return content.decode()

"""One file with the records, arrays and manifests of a results folder, and its checks on reading.

A zip archive whose members are read one by one and never unpacked by name::

    contents.json          format, version, sha256 of every other member
    records.jsonl          the valid record of every job, one JSON line each
    arrays/<sha256>.npz    stored without compression, which they have
    runs/<run id>.json     manifests, and their arrays (.npz)

The same contents give the same bytes. Nothing in an archive is trusted: names, sizes and digests
are checked before anything of it is kept, and no size that it states is allocated unseen.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.store import manifest as manifests
from harness.store.files import written_whole
from harness.store.manifest import Manifest
from harness.store.record import Record
from harness.store.store import Store

FORMAT, VERSION = "multi-view results", 1
CONTENTS, RECORDS = "contents.json", "records.jsonl"
MEMBER = re.compile(r"records\.jsonl|arrays/[0-9a-f]{64}\.npz|runs/[\w+=-][\w+.=-]*\.(?:json|npz)")
MIB = 2**20
LONGEST_LINE = 16 * MIB
"""Bytes of a record."""
LARGEST_TEXT = 512 * MIB
"""Bytes of a manifest, and of the contents."""
LARGEST_ARRAYS = 4096 * MIB
"""Bytes of the arrays of one fit, unpacked."""
SPARSEST, FREE = 300, 64 * MIB
"""A compressed member may be so many times its packed size, and always so many bytes."""


class ArchiveError(Exception):
    """A file that cannot be read as an archive, or breaks its rules; the message is a sentence."""


class Source(Protocol):
    """What can be merged. ``notes`` are sentences on what was left out while reading."""

    notes: list[str]

    def records(self) -> dict[str, Record]:
        """The valid record of every job, by id."""
        ...

    def runs(self) -> dict[str, tuple[bytes, Manifest]]:
        """Manifests by run id, as bytes and read."""
        ...

    def array(self, digest: str) -> bytes | None:
        """The arrays of a record, checked; None where they are not there."""
        ...

    def run_arrays(self, run: Manifest) -> bytes | None:
        """The arrays of a run, checked; None where they are not there."""
        ...


@dataclass(frozen=True)
class Exported:
    """What an archive holds; ``lost`` counts fits whose arrays are missing or damaged."""

    records: int
    arrays: int
    runs: int
    lost: int
    size: int


# ---------------------------------------------------------------- writing


def write_archive(path: Path, folder: Path, run: str = "") -> Exported:
    """Write an archive of a results folder, or of one of its runs; atomic.

    Another process may be writing to the folder: what it stores later is left out. Raises
    UsageError where no run is called ``run``, OSError where the file cannot be written.
    """
    store = Store(folder)
    records, runs = store.records(), manifests.known(folder)[0]
    if run:
        runs = manifests.chosen(folder, run)
        wanted = {name for manifest in runs for name in manifest.jobs}
        records = {name: record for name, record in records.items() if name in wanted}
    kept = [records[name] for name in sorted(records)]
    counts = {"arrays": 0, "lost": 0}
    with written_whole(path) as handle, zipfile.ZipFile(handle, "w") as archive:
        members = {RECORDS: _add_lines(archive, kept)}
        for record in _with_arrays(kept):
            try:
                content = store.array_bytes(record)
            except ValueError:
                counts["lost"] += 1
                continue
            counts["arrays"] += 1
            members |= _add(archive, f"arrays/{record.arrays}.npz", content)
        for manifest in sorted(runs, key=lambda one: one.id):
            content = (folder / manifests.FOLDER / f"{manifest.id}.json").read_bytes()
            members |= _add(archive, f"runs/{manifest.id}.json", content, packed=True)
            with suppress(ValueError):  # only a figure of that run lacks them
                if content := manifests.array_bytes(folder, manifest):
                    members |= _add(archive, f"runs/{manifest.id}.npz", content)
        contents = {"format": FORMAT, "version": VERSION, "members": members}
        _add(archive, CONTENTS, json.dumps(contents, sort_keys=True).encode(), packed=True)
    return Exported(len(kept), runs=len(runs), size=path.stat().st_size, **counts)


def _with_arrays(records: Iterable[Record]) -> list[Record]:
    """One record for each file of arrays."""
    return list({record.arrays: record for record in records if record.arrays}.values())


def _info(name: str, *, packed: bool) -> zipfile.ZipInfo:
    """A member without time and owner, so that equal contents are equal bytes."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    return info


def _add(
    archive: zipfile.ZipFile, name: str, content: bytes, *, packed: bool = False
) -> dict[str, str]:
    archive.writestr(_info(name, packed=packed), content)
    return {name: hashlib.sha256(content).hexdigest()}


def _add_lines(archive: zipfile.ZipFile, records: Iterable[Record]) -> str:
    """Write the records, line by line; returns the member's sha256."""
    seen = hashlib.sha256()
    with archive.open(_info(RECORDS, packed=True), "w", force_zip64=True) as member:
        for record in records:
            line = record.line().encode() + b"\n"
            seen.update(line)
            member.write(line)
    return seen.hexdigest()


# ---------------------------------------------------------------- reading


def open_source(path: Path) -> Source:
    """An archive, or a results folder. Raises ArchiveError if it is neither."""
    if path.is_dir():
        if not any((path / name).is_dir() for name in ("records", manifests.FOLDER)):
            raise ArchiveError(
                f"{path} is no results folder: it has neither records/ nor {manifests.FOLDER}/"
            )
        return Folder(path)
    return Archive(path)


class Folder:
    """A results folder as something to merge."""

    def __init__(self, path: Path) -> None:
        self.path, self.store = path, Store(path)
        self.notes: list[str] = []

    def records(self) -> dict[str, Record]:
        records = self.store.records()
        self.notes += self.store.warnings
        return records

    def runs(self) -> dict[str, tuple[bytes, Manifest]]:
        runs, bad = manifests.known(self.path)
        self.notes += bad
        return {
            run.id: ((self.path / manifests.FOLDER / f"{run.id}.json").read_bytes(), run)
            for run in runs
            if (self.path / manifests.FOLDER / f"{run.id}.json").is_file()
        }

    def array(self, digest: str) -> bytes | None:
        with suppress(ValueError):
            content = self.store.array_bytes(Record("", {}, "", "ok", arrays=digest))
            check_npz(content, f"{digest}.npz")
            return content
        return None

    def run_arrays(self, run: Manifest) -> bytes | None:
        with suppress(ValueError):
            return manifests.array_bytes(self.path, run) or None
        return None


class Archive:
    """An archive, open for reading. Raises ArchiveError if it breaks a rule."""

    def __init__(self, path: Path) -> None:
        self.path, self.notes = path, []
        try:
            size = path.stat().st_size
            self.zip = zipfile.ZipFile(path)
        except OSError as error:
            raise ArchiveError(f"{path} cannot be read ({error.strerror})") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ArchiveError(
                f"{path} is not an archive that --export has written ({error})"
            ) from error
        infos = self.zip.infolist()
        self.infos = {info.filename: info for info in infos}
        if len(self.infos) < len(infos):
            raise self._broken("two members have one name")
        for info in infos:
            self._check(info)
        stored = sum(i.file_size for i in infos if i.compress_type == zipfile.ZIP_STORED)
        if stored > size:
            raise self._broken("its members say that they are larger than the file")
        self.members = self._contents()

    def records(self) -> dict[str, Record]:
        records: dict[str, Record] = {}
        seen = hashlib.sha256()
        with self._opened(RECORDS) as member:
            for number, line in enumerate(self._lines(member), start=1):
                seen.update(line)
                try:
                    record = Record.parse(line.decode())
                except (ValueError, RecursionError) as error:
                    raise self._broken(f"line {number} of {RECORDS} is not a record") from error
                if record.id in records:
                    raise self._broken(f"two records have the id {str(record.id)[:20]}")
                records[record.id] = record
        if seen.hexdigest() != self.members[RECORDS]:
            raise self._broken(f"{RECORDS} is not the file that its contents name")
        return records

    def runs(self) -> dict[str, tuple[bytes, Manifest]]:
        runs = {}
        for name in sorted(self.members):
            if name.startswith("runs/") and name.endswith(".json"):
                content = self._content(name)
                try:
                    run = manifests.parse(content, f"{name} in {self.path}")
                except (ValueError, RecursionError) as error:
                    raise self._broken(f"{name} is not a manifest of a run") from error
                if f"runs/{run.id}.json" != name:
                    raise self._broken(f"{name} is the manifest of another run")
                runs[run.id] = content, run
        return runs

    def array(self, digest: str) -> bytes | None:
        name = f"arrays/{digest}.npz"
        if name not in self.members:
            return None
        if self.members[name] != digest:
            raise self._broken(f"{name} does not have the digest of its name")
        return self._npz(name)

    def run_arrays(self, run: Manifest) -> bytes | None:
        name = f"runs/{run.id}.npz"
        if name not in self.members or not run.arrays:
            return None
        if self.members[name] != run.arrays:
            raise self._broken(f"{name} is not the file that its manifest names")
        return self._npz(name)

    def _npz(self, name: str) -> bytes:
        content = self._content(name)
        check_npz(content, f"{name} in {self.path}")
        return content

    def _check(self, info: zipfile.ZipInfo) -> None:
        """Raise ArchiveError for a name, a compression or a size that no archive of ours has."""
        name = info.filename
        if name != CONTENTS and not MEMBER.fullmatch(name):
            raise self._broken(f"it has a member called {name!r:.80}, which no archive has")
        if info.flag_bits & 1:
            raise self._broken(f"{name} is encrypted")
        if name.endswith(".npz"):
            if info.compress_type != zipfile.ZIP_STORED:
                raise self._broken(f"{name} is compressed twice")
            return
        most = SPARSEST * info.compress_size + FREE
        if name != RECORDS:
            most = min(most, LARGEST_TEXT)
        if info.file_size > most:
            raise self._broken(f"{name} would be {info.file_size / MIB:.0f} MiB when unpacked")

    def _contents(self) -> dict[str, str]:
        if CONTENTS not in self.infos:
            raise ArchiveError(f"{self.path} is not an archive that --export has written")
        try:
            contents: Any = json.loads(self._read(CONTENTS))
            kind, version = contents["format"], contents["version"]
            members = {str(name): str(digest) for name, digest in contents["members"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise self._broken(f"{CONTENTS} is damaged") from error
        if kind != FORMAT:
            raise ArchiveError(f"{self.path} is not an archive that --export has written")
        if version != VERSION:
            raise ArchiveError(
                f"{self.path} has format version {version!r:.20}, this checkout reads {VERSION}; "
                "export it with the same version of the project"
            )
        if members.keys() != self.infos.keys() - {CONTENTS} or RECORDS not in members:
            raise self._broken("its members are not those that its contents name")
        return members

    def _content(self, name: str) -> bytes:
        """A member whose digest is that of the contents."""
        content = self._read(name)
        if hashlib.sha256(content).hexdigest() != self.members[name]:
            raise self._broken(f"{name} is not the file that its contents name")
        return content

    def _read(self, name: str) -> bytes:
        with self._opened(name) as member:
            try:
                return member.read(self.infos[name].file_size + 1)
            except DAMAGE as error:
                raise self._broken(f"{name} is damaged") from error

    def _opened(self, name: str) -> Any:
        try:
            return self.zip.open(name)
        except DAMAGE as error:
            raise self._broken(f"{name} is damaged") from error

    def _lines(self, member: Any) -> Iterator[bytes]:
        while True:
            try:
                line = member.readline(LONGEST_LINE + 1)
            except DAMAGE as error:
                raise self._broken(f"{RECORDS} is damaged") from error
            if not line:
                return
            if len(line) > LONGEST_LINE:
                raise self._broken(f"a line of {RECORDS} is over {LONGEST_LINE / MIB:.0f} MiB long")
            yield line

    def _broken(self, why: str) -> ArchiveError:
        return ArchiveError(f"{self.path} is damaged or was made by something else: {why}")


DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
"""What reading a member of a damaged archive raises."""


def check_npz(content: bytes, name: str) -> None:
    """Raise ArchiveError unless ``content`` is an .npz file of reasonable size."""
    try:
        infos = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"{name} is not a file of arrays") from error
    total = sum(info.file_size for info in infos)
    if total > LARGEST_ARRAYS:
        raise ArchiveError(f"the arrays of {name} would be {total / MIB:.0f} MiB when unpacked")
    if any(not info.filename.endswith(".npy") for info in infos):
        raise ArchiveError(f"{name} holds something that is not an array")

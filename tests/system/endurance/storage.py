"""Storage that fails: full at each kind of write, read-only, little shared memory, damaged."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.system.command_line import CHEAP, RAY, SERIAL, SMOKE, places, run
from tests.system.endurance.judge import Row, Whole, clear, last, mounted, mounts

NO_MOUNTS = "needs mounts of its own (root, or user namespaces)"
FULL = {
    "record": ("results/records", "size=12k", "slow", CHEAP),
    "array": ("results/arrays", "size=16k", "slow", CHEAP),
    "manifest, at the start": ("results/runs", "size=4k", "", CHEAP),
    "claim": ("results/claims", "size=4k,nr_inodes=1", "", CHEAP),
    "checkpoint": (
        "results/checkpoints", "size=4k", "checkpoints", (*SMOKE, "--method", "m2_left"),
    ),
    "report": ("reports", "size=48k", "", CHEAP),
    "every kind, on one disk": (".", "size=128k", "", CHEAP),
}  # fmt: skip
"""Where a small disk is mounted, its size, the fault, the run."""


def rows(chance: random.Random, whole: Whole, at: Path, *, ray: bool) -> Iterator[Row]:
    if not mounts():
        for name in ("disk full", "read-only", "/dev/shm"):
            yield Row(name, left_out=NO_MOUNTS)
    else:
        other = Whole(at / "m2", (*SMOKE, "--method", "m2_left", *SERIAL))
        for number, kind in enumerate(FULL):
            expected = other if kind == "checkpoint" else whole
            yield full(kind, expected, at / f"full {number}")
        yield read_only(whole, at)
        yield read_only_at_once(whole, at / "remounted")
        if ray:
            yield shared_memory(whole, at / "shm")
    yield lines(chance, whole, at / "lines")
    yield arrays(chance, at / "arrays")


def full(kind: str, whole: Whole, folder: Path) -> Row:
    """The disk of one kind of file is too small; then it is enlarged and the command repeated."""
    row = Row(f"disk full: {kind}", tried=1)
    where, size, fault, argv = FULL[kind]
    script = f"""
        disk="$AT/inside/{where}"; mkdir -p "$disk" && mount -t tmpfs -o {size} tmpfs "$disk"
        eval "$RUN" 2>"$AT/first"; echo $? >"$AT/status"
        mount -o remount,size=64m,nr_inodes=1000 "$disk"
        eval "$RUN" >"$AT/second"; status=$?
        cp -r "$AT/inside/results" "$AT/inside/reports" "$AT"; exit $status
    """
    folder.mkdir(parents=True)
    inside = (*argv, *SERIAL, *places(folder / "inside"))
    done = mounted(script, fault, inside, folder)
    row.expect(done.returncode == 0, f"resumed: {done.returncode}, {last(done.stderr)}")
    first, status = (folder / "first").read_text(), int((folder / "status").read_text())
    if kind == "claim":  # a run alone needs no claims; it says so
        row.expect(status == 0, f"exit status {status}")
    else:
        clear(row, status, first, expected=1)
        row.expect("cannot be written" in first, last(first))
    row.note = (first.splitlines() or ["the run says that it shares no work"])[0]
    row.note = row.note.replace(str(folder / "inside"), "...")[:110]
    whole.judge(row, folder)
    return row


def read_only(whole: Whole, at: Path) -> Row:
    """An empty read-only folder is refused; a finished one still gives its report."""
    row = Row("read-only results, from the start", tried=2)
    folder = at / "ro"
    folder.mkdir(parents=True)
    script = 'mount -t tmpfs -o ro tmpfs "$AT" && eval "$RUN"'
    done = mounted(script, "", (*CHEAP, *SERIAL, *places(folder)), folder)
    clear(row, done.returncode, done.stderr, expected=2, resume=False)
    row.note = last(done.stderr).replace(str(folder), "...")
    shutil.copytree(whole.folder / "results", at / "kept" / "results")
    script = 'mount --bind "$AT/results" "$AT/results" && mount -o remount,ro,bind "$AT/results"'
    argv = ("--report-only", "last", *places(at / "kept"))
    done = mounted(f'{script} && eval "$RUN"', "", argv, at / "kept")
    row.expect(done.returncode == 0, f"--report-only: {last(done.stderr)}")
    whole.judge(row, at / "kept")
    return row


def read_only_at_once(whole: Whole, folder: Path) -> Row:
    """The disk becomes read-only in mid-run, as after an error of the file system."""
    row = Row("results turn read-only in mid-run", tried=1)
    folder.mkdir(parents=True)
    script = """
        mkdir "$AT/results" && mount -t tmpfs tmpfs "$AT/results"
        (until [ "$(cat "$AT"/results/records/*.jsonl 2>/dev/null | wc -l)" -ge 3 ]; do sleep .05
         done; until mount -o remount,ro "$AT/results" 2>/dev/null; do mount --bind -o ro \
            "$AT/results" "$AT/results" && break; done) &
        eval "$RUN" 2>"$AT/first"; echo $? >"$AT/status"; wait
        mkdir "$AT/copy"; cp -r "$AT/results/." "$AT/copy"
    """
    mounted(script, "slow", (*CHEAP, *SERIAL, *places(folder)), folder)
    status, first = int((folder / "status").read_text()), (folder / "first").read_text()
    if status == 0:
        row.left_out = "a file system with an open ledger is not remounted here"
        return row
    clear(row, status, first, expected=1)
    row.note = first.splitlines()[0].replace(str(folder), "...")[:110]
    shutil.rmtree(folder / "results")
    (folder / "copy").rename(folder / "results")
    whole.finish(row, folder)
    return row


def shared_memory(whole: Whole, folder: Path) -> Row:
    """Ray with 64 KiB of /dev/shm, and with one that is full."""
    row = Row("64 KiB of /dev/shm, or none, on Ray", tried=2)
    for name, fill in (("small", ""), ("full", "head -c 64k /dev/zero >/dev/shm/x;")):
        (folder / name).mkdir(parents=True)
        script = f'mount -t tmpfs -o size=64k tmpfs /dev/shm; {fill} eval "$RUN"'
        done = mounted(script, "", (*CHEAP, *RAY, *places(folder / name)), folder / name)
        row.expect(done.returncode == 0, f"{name}: {done.returncode}, {last(done.stderr)}")
        whole.judge(row, folder / name)
    row.note = "Ray keeps its objects on the disk instead"
    return row


def lines(chance: random.Random, whole: Whole, at: Path) -> Row:
    """Ledgers with flipped bits or a cut end: the line is named, its fit runs again."""
    row, flips = Row("record line with a flipped bit, or cut", tried=6), 200
    for number in range(row.tried):
        folder = at / str(number)
        shutil.copytree(whole.folder / "results", folder / "results")
        (path,) = (folder / "results" / "records").glob("*.jsonl")
        content = bytearray(path.read_bytes())
        if number % 3 == 2:
            del content[-chance.randrange(2, 2000) :]
        else:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        done = run(*CHEAP, *SERIAL, *places(folder))
        row.expect(done.returncode == 0, f"exit status {done.returncode}: {last(done.stderr)}")
        row.expect("was ignored" in done.stdout, f"{number}: no word of the damage")
        whole.judge(row, folder)
    row.wrong += unnoticed(chance, whole, at / "bits", flips)
    row.note = f"and {flips} flips read without a run: no number moved"
    return row


def unnoticed(chance: random.Random, whole: Whole, folder: Path, flips: int) -> int:
    """How many of many single flips give a record with other numbers."""
    from harness.store.store import Store

    shutil.copytree(whole.folder / "results", folder)
    (path,) = (folder / "records").glob("*.jsonl")
    sound, wrong = path.read_bytes(), 0
    for _ in range(flips):
        content = bytearray(sound)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        for record in Store(folder).records().values():
            wrong += (record.score, dict(record.metrics)) != whole.numbers.get(record.id)
    return wrong


def arrays(chance: random.Random, at: Path) -> Row:
    """Arrays of a first stage with a flipped bit or cut: the stage runs again."""
    row = Row("array file with a flipped bit, or cut", tried=2)
    argv = (*SMOKE, "--method", "smvae_authors2017", *SERIAL)
    whole = Whole(at / "whole", argv)
    for number in range(row.tried):
        folder = at / str(number)
        shutil.copytree(whole.folder / "results", folder / "results")
        (path,) = (folder / "results" / "records").glob("*.jsonl")
        kept = [line for line in path.read_bytes().split(b"\n") if b'"method": "mvae"' in line]
        path.write_bytes(b"".join(line + b"\n" for line in kept))  # stopped after stage one
        for name in (folder / "results" / "arrays").glob("*.npz"):
            content = bytearray(name.read_bytes())
            if number:
                del content[chance.randrange(1, len(content)) :]
            else:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            name.write_bytes(content)
        done = run(*argv, *places(folder))
        row.expect(done.returncode == 0, f"exit status {done.returncode}: {last(done.stderr)}")
        row.expect("are missing or damaged: it runs again" in done.stdout, "no word of the damage")
        whole.judge(row, folder, stored=True)
    return row

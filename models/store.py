"""A model's folder: its files and manifest.json with the SHA-256 of each. No pickle.

Reading refuses, with one clear line, whatever is not exactly what was written.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1
MANIFEST = "manifest.json"


class ModelError(ValueError):
    """A model folder that cannot be used: names the folder, what is wrong and the mend."""


def write_folder(folder: Path, payload: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Writes the files of `payload` and the manifest: `about`, the format and the SHA-256 of each file."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in payload.items()}
    manifest = {"format": FORMAT, **about, "files": digests}
    text = (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {**payload, MANIFEST: text}.items():  # the manifest last: a half-written folder does not load
        partial = folder / f".{name}.part"
        partial.write_bytes(data)
        partial.replace(folder / name)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the model in `folder`: version, scores, data hash. Raises ModelError."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = manifest["files"]
        whole = manifest["format"] == FORMAT and all(Path(name).name == name for name in files)
    except FileNotFoundError:
        raise ModelError(
            f"{folder}: no {MANIFEST} here; give the folder of a model, or train one with `weathervane train`"
        ) from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(
            f"{path}: not a model's manifest ({type(error).__name__}); train the model again with `weathervane train`"
        ) from None
    if not whole:
        raise ModelError(f"{path}: written by another version of this program; train the model again with `weathervane train`")
    return dict(manifest)


def read_folder(folder: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a model, each checked against the manifest, and the manifest. Raises ModelError."""
    manifest = read_manifest(folder)
    return {name: _checked(folder / name, digest) for name, digest in manifest["files"].items()}, manifest


def _checked(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; copy the whole model folder again, or train it again") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelError(
            f"{path}: changed since it was trained (its SHA-256 is not the manifest's); restore it, or train it again"
        )
    return data


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """An .npz whose bytes depend on the arrays alone (numpy's own holds the time of writing)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            inner = io.BytesIO()
            np.lib.format.write_array(inner, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(2019, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, inner.getvalue())
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz; refuses pickled ones. Raises ValueError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ValueError(f"weights: {error}") from None

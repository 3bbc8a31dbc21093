"""Takes up the weights of a model folder again, where training would give other bytes.

The last digit of a sum depends on the kind of CPU, so a run elsewhere ends in other weights, by a
little, and in a file of another hash. Owns the way back from the file. Must never: keep
weights that do not give the very bytes they came from.
"""

import json
import tempfile
from pathlib import Path

import export
import fit
import metrics
from features import Windows
from fine_tune import incumbent
from networks import Network
from report import ONNX


class KeepError(RuntimeError):
    """Writing the network of the file again gives other bytes."""


def taken_up(network: Network, folder: Path, validation: Windows) -> fit.Fitted:
    """The network of a folder, with what its manifest says of its training. Raises KeepError."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    model = incumbent(folder / ONNX).eval()
    with tempfile.TemporaryDirectory() as scratch:
        again = export.write(model, Path(scratch) / ONNX)
    if again != manifest["sha256"]:
        raise KeepError(f"{folder / ONNX}: written again it has SHA-256 {again}")
    return fit.Fitted(
        network=network,
        model=model,
        seed=manifest["seed"],
        epoch=manifest["training"]["epoch"],
        temperature=manifest["training"]["temperature"],
        validation=metrics.score(validation.labels, fit.probs(model, validation)),
    )

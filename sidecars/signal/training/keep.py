"""Takes up the weights of a model folder again, where training would give other bytes.

The last digit of a sum depends on the kind of CPU, so a run elsewhere ends in other weights, by a
little, and in a file of another hash. Owns the way back from the file. Must never: keep
weights that do not give the very bytes they came from.
"""

import json
import tempfile
from pathlib import Path

import onnx
import torch

import export
import fit
import metrics
from features import Windows
from networks import Network
from report import ONNX


class KeepError(RuntimeError):
    """The file is not one of this network, or writing it again gives other bytes."""


def taken_up(network: Network, folder: Path, validation: Windows) -> fit.Fitted:
    """The network of a folder, with what its manifest says of its training. Raises KeepError."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    model = network.build()
    model.load_state_dict(weights(folder / ONNX))
    model.eval()
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


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The parameters of a BiN-CTABL file. Two of them the export folds into nameless constants: the
    mix of the normalisations, and the attention with its diagonal fixed. Raises KeepError."""
    prefix, named, folded = "model.", {}, []
    for constant in onnx.load(path).graph.initializer:
        values = torch.from_numpy(onnx.numpy_helper.to_array(constant).copy())
        if constant.name.startswith(prefix):
            named[constant.name.removeprefix(prefix)] = values
        else:
            folded.append(values)
    if [len(values.shape) for values in folded] != [0, 0, 2]:
        raise KeepError(f"{path}: not a BiN-CTABL as export.py writes it")
    return named | {"norm.mix": torch.stack(folded[:2]), "head.attention": folded[2]}

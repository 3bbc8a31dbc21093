"""Tests of the nightly tuning: `python -m unittest test_fine_tune` in this folder.

They need the packages of requirements.txt and no recording.
"""

import dataclasses
import json
import tempfile
import unittest
from pathlib import Path

try:
    import numpy as np
    import onnx
    import torch

    import export
    import features
    import fine_tune
    from bin_ctabl import BinCtabl
    from test_training import decode, encode, sample_times, walk
except ImportError as missing:
    raise unittest.SkipTest(f"{missing.name} is not installed (requirements.txt)") from missing

BUNDLED = Path(__file__).resolve().parent.parent / "models" / "bin_ctabl"
ROWS = 400


def settings(folder: Path, cut: int) -> dict:
    """Settings for one file of random books, the part before row `cut` to learn from."""
    (folder / "a.feat").write_bytes(encode(walk(ROWS, seed=11), sample_times(ROWS)))
    return {
        "incumbent": str(BUNDLED), "parent": "00" * 32, "features": [str(folder / "a.feat")],
        "cut_ns": int(sample_times(ROWS)[cut]), "horizon_samples": 10, "spread_halves": 1,
        "epochs": 2, "batch": 64, "learning_rate_e6": 300, "validation_percent": 20, "seed": 1,
        "threads": 1,
    }


class Incumbent(unittest.TestCase):
    def windows(self) -> np.ndarray:
        books = walk(60, seed=4)
        return features.input_windows(books[np.arange(9, 60)[:, None] + np.arange(-9, 1)])[0]

    def test_a_written_network_is_read_back_with_every_parameter(self) -> None:
        torch.manual_seed(5)
        model = BinCtabl(0.0)
        with torch.no_grad():  # nothing may be at a value it begins with
            for parameter in model.parameters():
                parameter += 0.1 * torch.rand_like(parameter)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.onnx"
            export.write(model, path)
            read = fine_tune.incumbent(path)
            fine_tune.same(read, path, self.windows())
            other = BinCtabl(0.0)
            with self.assertRaises(fine_tune.FineTuneError):
                fine_tune.same(other, path, self.windows())
        ours, theirs = model.state_dict(), read.state_dict()
        # The diagonal of the attention is held, so the file does not keep it.
        for name in ours.keys() - {"head.attention"}:
            torch.testing.assert_close(theirs[name], ours[name], rtol=0, atol=0, msg=name)
        torch.testing.assert_close(read.head.attention_matrix(), model.head.attention_matrix())

    def test_another_network_is_refused_by_name(self) -> None:
        graph = onnx.load(BUNDLED / "model.onnx")
        kept = [i for i in graph.graph.initializer if i.name != "model.second.right"]
        del graph.graph.initializer[:]
        graph.graph.initializer.extend(kept)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.onnx"
            path.write_bytes(graph.SerializeToString())
            with self.assertRaisesRegex(fine_tune.FineTuneError, "lacks second.right"):
                fine_tune.incumbent(path)

    def test_the_check_refuses_another_file(self) -> None:
        torch.manual_seed(6)
        with tempfile.TemporaryDirectory() as folder:
            path, script = Path(folder) / "m.onnx", Path(folder) / "m.pt"
            model, other = BinCtabl(0.0), BinCtabl(0.0)
            export.write(model, path)
            export.write_script(model, script)
            fine_tune.check(model, path, script, self.windows())
            with self.assertRaisesRegex(export.ExportError, "onnxruntime differs"):
                fine_tune.check(other, path, script, self.windows())
            export.write_script(other, script)
            with self.assertRaisesRegex(export.ExportError, "torchscript differs"):
                fine_tune.check(model, path, script, self.windows())


class Cut(unittest.TestCase):
    def test_nothing_at_or_after_it_is_seen(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            given = settings(Path(folder), 300)
            data = fine_tune.load(given)
            [source] = data.sources
            self.assertEqual(source["samples"], 300)
            self.assertLess(source["last_ts_recv_ns"], given["cut_ns"])
            # The newest sample a label looks at is the last before the cut.
            self.assertEqual(int(data.validation.index.max()) + given["horizon_samples"], 299)
            # Books after the cut change nothing.
            books = walk(ROWS, seed=11)
            books[300:, 1] += 1
            Path(folder, "a.feat").write_bytes(encode(books, sample_times(ROWS)))
            again = fine_tune.load(given)
            for part in ("train", "validation"):
                one, other = getattr(data, part), getattr(again, part)
                for field in dataclasses.fields(one):
                    np.testing.assert_array_equal(
                        getattr(one, field.name), getattr(other, field.name)
                    )

    def test_without_a_window_before_it_there_is_nothing_to_do(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(fine_tune.FineTuneError):
                fine_tune.load(settings(Path(folder), 15))

    def test_a_file_is_cut_by_time(self) -> None:
        file = decode(encode(walk(40, seed=2), sample_times(40)))
        at = int(sample_times(40)[12])
        self.assertEqual(len(fine_tune.before(file, at).books), 12)
        self.assertEqual(len(fine_tune.before(file, at + 1).books), 13)


class Candidate(unittest.TestCase):
    def test_it_is_what_its_manifest_says_and_the_same_each_time(self) -> None:
        torch.set_num_threads(1)
        made = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                out.mkdir()
                fine_tune.run(settings(Path(folder), 300), out)
                made.append([(out / name).read_bytes() for name in ("model.onnx", "model.pt")])
                manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
                self.assertNotIn(folder, json.dumps(manifest), "no path of the machine")
        self.assertEqual(made[0], made[1])
        self.assertEqual((manifest["format"], manifest["name"]), (2, "bin_ctabl"))
        self.assertEqual(manifest["parent"], "00" * 32)
        self.assertEqual(len(manifest["golden"]["vectors"]), 8)
        was, now = (manifest["scores"]["validation"][k] for k in ("incumbent", "candidate"))
        self.assertLessEqual(now["log_loss"], was["log_loss"])


if __name__ == "__main__":
    unittest.main()

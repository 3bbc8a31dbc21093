"""Tests of the training code: `python -m unittest test_training` in this folder.

They need the packages of requirements.txt and no recording. The last class checks the bundled
model folder against what it says of itself.
"""

import hashlib
import json
import struct
import tempfile
import unittest
from pathlib import Path

try:
    import numpy as np
    import torch

    import baselines
    import export
    import features
    import fit
    import metrics
    import report
    from model import BinCtabl
except ImportError as missing:
    raise unittest.SkipTest(f"{missing.name} is not installed (requirements.txt)") from missing

MODEL = Path(__file__).resolve().parent.parent / "models" / "bin_ctabl"
SECOND = 1_000_000_000


def reference(book: list[int]) -> list[int]:
    """`input_window` of wire/src/signal.rs, written again on Python's unbounded integers."""
    mid_x2 = book[360] + book[362]

    def offset(price: int) -> int:
        numerator = (2 * price - mid_x2) * 1_000_000_000
        return -(-numerator // mid_x2) if numerator < 0 else numerator // mid_x2

    return [offset(v) if i % 2 == 0 else v for i, v in enumerate(book)]


def walk(rows: int, seed: int) -> np.ndarray:
    """Random plausible books."""
    rng = np.random.default_rng(seed)
    bid = 6_168_599 + np.cumsum(rng.integers(-40, 41, size=rows))
    steps = np.cumsum(rng.integers(1, 60, size=(rows, 2, 10)), axis=2)
    books = np.empty((rows, 10, 4), dtype=np.int64)
    books[:, :, 0] = bid[:, None] + steps[:, 0]
    books[:, :, 2] = bid[:, None] + 1 - steps[:, 1]
    books[:, :, 1::2] = rng.integers(1, 400_000, size=(rows, 10, 2))
    return books.reshape(rows, 40)


def encode(books: np.ndarray, ts: np.ndarray) -> bytes:
    """A feature file."""
    header = features.HEADER.pack(
        features.MAGIC, 1, 42, len(books), SECOND // 10, 10_000_000, 10_000, b"BTCUSDT"
    )
    rows = np.concatenate([ts[:, None], np.zeros((len(books), 1), dtype=np.int64), books], axis=1)
    return header + rows.astype("<i8").tobytes()


def decode(data: bytes) -> features.FeatureFile:
    """Reads bytes as a feature file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.feat"
        path.write_bytes(data)
        return features.read(path)


def sample_times(rows: int) -> np.ndarray:
    """One sample every 100 ms."""
    return np.arange(rows, dtype=np.int64) * (SECOND // 10) + 1_700_000_000 * SECOND + 7


class InputTransform(unittest.TestCase):
    def test_division_rounds_toward_zero(self) -> None:
        raw = np.ones((1, 10, 40), dtype=np.int64)
        raw[0, -1, 0], raw[0, -1, 2] = 100, 99
        raw[0, 0, 2] = 99
        out, valid = features.input_windows(raw)
        self.assertTrue(valid[0])
        # (2*99 - 199) * 1e9 / 199 = -5025125.63: toward zero, not down.
        self.assertEqual(out[0, 0, 2], -5_025_125)
        self.assertEqual(out[0, -1, 0], 5_025_125)

    def test_equals_the_rule_on_unbounded_integers(self) -> None:
        books = walk(200, seed=3)
        raw = books[np.arange(9, 200)[:, None] + np.arange(-9, 1)]
        out, valid = features.input_windows(raw)
        self.assertTrue(valid.all())
        for row, book in zip(out, raw, strict=True):
            self.assertEqual(row.reshape(-1).tolist(), reference(book.reshape(-1).tolist()))

    def test_refuses_what_leaves_64_bits(self) -> None:
        raw = np.stack([walk(10, seed=1)] * 4)
        raw[1, 0, 0] = raw[1, -1, 0] * 5_000_000
        raw[2, -1, 0], raw[2, -1, 2] = 5, -5
        raw[3, 0, 0] = 2**62
        _, valid = features.input_windows(raw)
        self.assertEqual(valid.tolist(), [True, False, False, False])

    def test_mirror_twice_is_the_same_and_swaps_imbalance(self) -> None:
        out, _ = features.input_windows(walk(10, seed=5)[None])
        other = features.mirror(out)
        np.testing.assert_array_equal(features.mirror(other), out)
        self.assertFalse((other == out).all())
        np.testing.assert_allclose(baselines.imbalances(other), -baselines.imbalances(out))


class FeatureFiles(unittest.TestCase):
    def setUp(self) -> None:
        self.books = walk(40, seed=2)
        self.data = encode(self.books, sample_times(40))

    def test_reads_what_was_written(self) -> None:
        file = decode(self.data)
        np.testing.assert_array_equal(file.books, self.books)
        self.assertEqual((file.symbol, file.lot_size_e9), ("BTCUSDT", 10_000))

    def test_refuses_damage(self) -> None:
        crossed = self.books.copy()
        crossed[3, 2] = crossed[3, 0]
        twice = sample_times(40)
        twice[5] = twice[4] + 1
        damaged = {
            "short": self.data[:-8],
            "long": self.data + b"\0" * 8,
            "header cut": self.data[:40],
            "magic": b"X" + self.data[1:],
            "version": self.data[:8] + struct.pack("<I", 2) + self.data[12:],
            "crossed": encode(crossed, sample_times(40)),
            "two samples in a boundary": encode(self.books, twice),
        }
        for name, data in damaged.items():
            with self.subTest(name), self.assertRaises(features.FeatureFileError):
                decode(data)

    def test_windows_never_span_a_gap(self) -> None:
        ts = sample_times(40)
        ts[20:] += 2 * SECOND
        file = decode(encode(self.books, ts))
        found = features.windows(file, 5, 1).index
        self.assertEqual(found.tolist(), [*range(9, 15), *range(29, 35)])

    def test_split_shares_no_sample(self) -> None:
        file = decode(self.data)
        early, late = features.split_by_time(file, features.windows(file, 5, 1), 5, 0.4)
        self.assertGreater(len(early.index), 0)
        self.assertGreater(len(late.index), 0)
        self.assertLess(early.index.max() + 5, late.index.min() - 9)


class Labels(unittest.TestCase):
    def test_at_below_and_above_the_threshold(self) -> None:
        books = np.tile(walk(1, seed=1), (2, 1))
        spread = books[0, 0] - books[0, 2]
        for move_x2, want in ((spread, 1), (spread + 1, 2), (-spread, 1), (-spread - 1, 0), (0, 1)):
            moved = books.copy()
            moved[1, 0] += move_x2
            self.assertEqual(features.label(moved, 1, 1).tolist(), [want], move_x2)


class Metrics(unittest.TestCase):
    def test_perfect_and_constant(self) -> None:
        labels = np.array([0, 1, 2, 2, 1, 0])
        perfect = metrics.score(labels, np.eye(3)[labels])
        self.assertEqual((perfect["macro_f1"], perfect["mcc"], perfect["ece"]), (1.0, 1.0, 0.0))
        constant = metrics.score(labels, np.tile([0.2, 0.3, 0.5], (6, 1)))
        self.assertEqual(constant["mcc"], 0.0)
        self.assertAlmostEqual(constant["macro_f1"], 0.5 / 3)
        self.assertAlmostEqual(constant["ece"], 0.5 - 1 / 3)

    def test_mcc_of_two_classes_is_the_textbook_one(self) -> None:
        labels = np.repeat([0, 0, 2, 2], [6, 2, 1, 3])
        said = np.repeat([0, 2, 0, 2], [6, 2, 1, 3])
        want = (6 * 3 - 2 * 1) / np.sqrt(8 * 4 * 7 * 5)
        self.assertAlmostEqual(metrics.mcc(metrics.confusion(labels, said)), want)


class Network(unittest.TestCase):
    def test_size_is_the_published_one(self) -> None:
        self.assertEqual(sum(p.numel() for p in BinCtabl(0.1).parameters()), 11_446)

    def test_lot_size_does_not_matter(self) -> None:
        torch.manual_seed(1)
        model = BinCtabl(0.0).eval()
        inputs, _ = features.input_windows(walk(10, seed=8)[None])
        larger = inputs.copy()
        larger[..., 1::2] *= 1_000
        with torch.no_grad():
            torch.testing.assert_close(
                model(fit.as_input(inputs)), model(fit.as_input(larger)), atol=1e-4, rtol=1e-4
            )

    def test_temperature_divides_logits(self) -> None:
        torch.manual_seed(2)
        model = BinCtabl(0.0).eval()
        inputs, _ = features.input_windows(walk(10, seed=9)[None])
        with torch.no_grad():
            before = model(fit.as_input(inputs))
            model.cool(2.0)
            torch.testing.assert_close(model(fit.as_input(inputs)) * 2.0, before)

    def test_export_check_refuses_another_model(self) -> None:
        torch.manual_seed(3)
        books = walk(40, seed=4)
        inputs, _ = features.input_windows(books[np.arange(9, 40)[:, None] + np.arange(-9, 1)])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.onnx"
            model = BinCtabl(0.0)
            export.write(model, path)
            export.check(model, path, inputs)
            with self.assertRaises(export.ExportError):
                export.check(BinCtabl(0.0), path, inputs)


class Bundled(unittest.TestCase):
    def setUp(self) -> None:
        self.manifest = json.loads((MODEL / "manifest.json").read_text(encoding="utf-8"))
        self.path = MODEL / self.manifest["file"]

    def test_hash(self) -> None:
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self.assertEqual(digest, self.manifest["sha256"])
        [file] = self.manifest["files"]
        self.assertEqual((file["name"], file["sha256"]), (self.path.name, digest))
        self.assertEqual(file["bytes"], self.path.stat().st_size)

    def test_operators_and_training_data(self) -> None:
        self.assertEqual(export.operators(self.path), self.manifest["operators"])
        name = report.training_data(self.manifest["data"])
        self.assertEqual(name, self.manifest["training_data"])

    def test_golden_vectors_in_both_back_ends(self) -> None:
        golden = self.manifest["golden"]
        self.assertEqual(len(golden["vectors"]), 8)
        inputs = np.array([v["input"] for v in golden["vectors"]], dtype=np.int64)
        inputs = inputs.reshape(-1, 10, 40)
        want = np.array([v["probs"] for v in golden["vectors"]])
        for vector in golden["vectors"]:
            self.assertEqual(reference(vector["book"]), vector["input"])
        got = {
            "onnxruntime": export.run(export.session(self.path), inputs),
            "tract, free batch": export.run_tract(self.path, inputs, None),
            "tract, batch 1": export.run_tract(self.path, inputs, 1),
        }
        for name, probs in got.items():
            with self.subTest(name):
                self.assertLess(np.abs(probs - want).max(), golden["tolerance"])
        self.assertGreater(np.ptp(want, axis=0).max(), 0.1, "a constant model is no model")


if __name__ == "__main__":
    unittest.main()

"""Tests of the training code: `python -m unittest test_training` in this folder.

They need the packages of requirements.txt and no recording. The last class checks the bundled
model folders against what they say of themselves.
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
    import keep
    import metrics
    import report
    import trading
    from networks import DEFAULT, NETWORKS
except ImportError as missing:
    raise unittest.SkipTest(f"{missing.name} is not installed (requirements.txt)") from missing

MODELS = Path(__file__).resolve().parent.parent / "models"
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


def drawn(name: str, seed: int) -> "torch.nn.Module":
    """A network with every weight drawn at random, the biases too."""
    torch.manual_seed(seed)
    model = NETWORKS[name].build().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn(parameter.shape) * 0.05
    return model


def some_inputs(count: int, seed: int) -> np.ndarray:
    """Integer windows of a random walk."""
    books = walk(count + 9, seed)
    inputs, _ = features.input_windows(books[np.arange(9, count + 9)[:, None] + np.arange(-9, 1)])
    return inputs


def some_windows(count: int) -> features.Windows:
    """Those inputs with labels in turn."""
    none = np.zeros(count)
    return features.Windows(
        some_inputs(count, seed=5), none, np.arange(count) % 3, np.arange(count), none
    )


class Networks(unittest.TestCase):
    def test_sizes(self) -> None:
        # BiN-CTABL's is the published one; DeepLOB's 102 above its authors' code.
        sizes = {n: sum(p.numel() for p in net.build().parameters()) for n, net in NETWORKS.items()}
        self.assertEqual(sizes, {"bin_ctabl": 11_446, "mlp": 27_945, "deeplob": 142_537})

    def test_lot_size_does_not_matter(self) -> None:
        inputs = some_inputs(1, seed=8)
        larger = inputs.copy()
        larger[..., 1::2] *= 1_000
        for name in NETWORKS:
            model = drawn(name, 1)
            with self.subTest(name), torch.no_grad():
                torch.testing.assert_close(
                    model(fit.as_input(inputs)), model(fit.as_input(larger)), atol=1e-4, rtol=1e-4
                )

    def test_temperature_divides_logits(self) -> None:
        inputs = some_inputs(1, seed=9)
        for name in NETWORKS:
            model = drawn(name, 2)
            with self.subTest(name), torch.no_grad():
                before = model(fit.as_input(inputs))
                model.cool(2.0)
                torch.testing.assert_close(model(fit.as_input(inputs)) * 2.0, before)

    def test_every_snapshot_and_level_counts(self) -> None:
        inputs = some_inputs(1, seed=10)
        for name in NETWORKS:
            model = drawn(name, 3)
            window = fit.as_input(inputs).requires_grad_()
            model(window)[:, 2].sum().backward()
            with self.subTest(name):
                self.assertTrue((window.grad.abs().sum(dim=2) > 0).all(), "a snapshot is unseen")
                self.assertTrue((window.grad.abs().sum(dim=1) > 0).all(), "a level is unseen")

    def test_deeplob_lstm_is_the_one_of_torch(self) -> None:
        ours = drawn("deeplob", 4).lstm
        theirs = torch.nn.LSTM(192, 64, batch_first=True)
        with torch.no_grad():
            theirs.weight_ih_l0.copy_(reordered(ours.inward.weight))
            theirs.weight_hh_l0.copy_(reordered(ours.again.weight))
            theirs.bias_ih_l0.copy_(reordered(ours.inward.bias))
            theirs.bias_hh_l0.zero_()
            x = torch.randn(3, 10, 192)
            torch.testing.assert_close(ours(x), theirs(x)[0][:, -1], atol=1e-5, rtol=1e-5)

    def test_a_seed_gives_the_same_network_again(self) -> None:
        source = some_windows(60)
        first, second = (fit.fit(source, source, 7, NETWORKS["mlp"]) for _ in range(2))
        for name, values in first.model.state_dict().items():
            self.assertTrue(torch.equal(values, second.model.state_dict()[name]), name)
        self.assertEqual(first.validation, second.validation)


def reordered(gates: "torch.Tensor") -> "torch.Tensor":
    """From (in, forget, out, fresh), as deeplob.py has it, to torch's (in, forget, fresh, out)."""
    taken, kept, given, fresh = gates.detach().chunk(4)
    return torch.cat([taken, kept, fresh, given])


class Exports(unittest.TestCase):
    def setUp(self) -> None:
        self.inputs = some_inputs(31, seed=4)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.onnx, self.script = (Path(folder.name) / n for n in ("m.onnx", "m.pt"))

    def test_both_files_do_what_the_network_does_and_another_is_refused(self) -> None:
        for name in NETWORKS:
            model, other = drawn(name, 3), drawn(name, 4)
            with self.subTest(name):
                export.write(model, self.onnx)
                export.write_script(model, self.script)
                export.check(model, self.onnx, self.script, self.inputs)
                with self.assertRaises(export.ExportError):
                    export.check(other, self.onnx, self.script, self.inputs)
                export.write_script(other, self.script)
                with self.assertRaises(export.ExportError):
                    export.check(model, self.onnx, self.script, self.inputs)

    def test_the_same_weights_give_the_same_bytes(self) -> None:
        for name in NETWORKS:
            with self.subTest(name):
                first = export.write_script(drawn(name, 5), self.script)
                again = export.write_script(drawn(name, 5), self.script)
                self.assertEqual(first, again)
                self.assertNotEqual(first, export.write_script(drawn(name, 6), self.script))
                self.assertEqual(
                    export.write(drawn(name, 5), self.onnx), export.write(drawn(name, 5), self.onnx)
                )

    def test_torchscript_names_no_source_file(self) -> None:
        export.write_script(drawn(DEFAULT, 5), self.script)
        data = self.script.read_bytes()
        self.assertNotIn(str(Path(__file__).resolve().parent).encode(), data)
        self.assertNotIn(b"debug_pkl", data)

    def test_kept_weights_give_the_bytes_of_the_file_or_are_refused(self) -> None:
        network = NETWORKS[DEFAULT]
        folder = self.onnx.parent
        windows = some_windows(60)
        manifest = {
            "sha256": export.write(drawn(DEFAULT, 6), folder / report.ONNX),
            "seed": 6,
            "training": {"epoch": 3, "temperature": 1.5},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        kept = keep.taken_up(network, folder, windows)
        self.assertEqual((kept.seed, kept.epoch, kept.temperature), (6, 3, 1.5))
        self.assertEqual(export.write(kept.model, self.onnx), manifest["sha256"])
        manifest["sha256"] = export.write(drawn(DEFAULT, 7), self.onnx)
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with self.assertRaises(keep.KeepError):
            keep.taken_up(network, folder, windows)


class Trading(unittest.TestCase):
    def test_scores_round_as_the_server_does(self) -> None:
        probs = np.array([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0], [0.4, 0.2, 0.4], [0.1, 0.9, 0.0]])
        self.assertEqual(trading.scores_e6(probs).tolist(), [250_000, -1_000_000, 0, -100_000])
        self.assertEqual(trading.millionths(np.array([2.5e-6, -2.5e-6])).tolist(), [3, -3])

    def test_table_has_one_line_a_window(self) -> None:
        file = decode(encode(walk(40, seed=2), sample_times(40)))
        windows = features.windows(file, 5, 1)
        probs = np.tile([0.2, 0.3, 0.5], (len(windows.labels), 1))
        lines = trading.table(file, windows, probs).splitlines()
        self.assertEqual(lines[0], trading.COLUMNS)
        self.assertEqual(lines[1], f"BTCUSDT,{file.ts_recv_ns[9]},300000,500000,200000")
        self.assertEqual(len(lines), 1 + len(windows.labels))

    def test_a_tenth_reaches_the_entry_level_and_a_constant_model_has_one(self) -> None:
        up = np.linspace(0.0, 1.0, 101)
        level = trading.entry_level(np.stack([1.0 - up, np.zeros(101), up], axis=1))
        reached = np.abs(2 * up - 1) * 1e6 >= level - 1
        self.assertIn(int(reached.sum()), (10, 11, 12))
        self.assertEqual(trading.entry_level(np.full((5, 3), 1 / 3)), 1)

    def test_a_halted_engine_is_no_result(self) -> None:
        summary = {
            "killed": False, "alarms": 0, "orders": 4, "denied_total": 1, "fills": 3,
            "state_hash": "ab", "signal": {"answers": 9}, "exit": {}, "denied": {},
            "strategies": {"signal-taker": {
                "fees_e9": 2_000_000_000, "net_e9": -500_000_000, "turnover_e9": 2_000_000_000_000,
            }},
        }
        told = trading.outcome(5, summary)
        self.assertEqual((told.gross, told.fees, told.net, told.entry_e6), (1.5, 2.0, -0.5, 5))
        self.assertAlmostEqual(told.bps(told.gross), 7.5)
        for key in ("killed", "alarms"):
            with self.assertRaises(trading.BacktestError):
                trading.outcome(5, summary | {key: 1})


class Bundled(unittest.TestCase):
    def setUp(self) -> None:
        self.folders = {name: MODELS / name for name in NETWORKS}
        self.manifests = {
            name: json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            for name, folder in self.folders.items()
        }

    def test_files_are_those_the_manifest_lists(self) -> None:
        for name, manifest in self.manifests.items():
            with self.subTest(name):
                files = {f["name"]: f for f in manifest["files"]}
                self.assertEqual(list(files), [report.ONNX, report.SCRIPT])
                for file in files.values():
                    data = (self.folders[name] / file["name"]).read_bytes()
                    self.assertEqual(hashlib.sha256(data).hexdigest(), file["sha256"])
                    self.assertEqual(len(data), file["bytes"])
                self.assertEqual(manifest["sha256"], files[manifest["file"]]["sha256"])
                self.assertEqual(manifest["name"], name)

    def test_operators_and_training_data(self) -> None:
        for name, manifest in self.manifests.items():
            with self.subTest(name):
                found = export.operators(self.folders[name] / report.ONNX)
                self.assertEqual(found, manifest["operators"])
                data = report.training_data(manifest["data"])
                self.assertEqual(data, manifest["training_data"])

    def test_golden_vectors_in_every_back_end(self) -> None:
        for name, manifest in self.manifests.items():
            golden, folder = manifest["golden"], self.folders[name]
            self.assertEqual(len(golden["vectors"]), 8)
            inputs = np.array([v["input"] for v in golden["vectors"]], dtype=np.int64)
            inputs = inputs.reshape(-1, 10, 40)
            want = np.array([v["probs"] for v in golden["vectors"]])
            for vector in golden["vectors"]:
                self.assertEqual(reference(vector["book"]), vector["input"])
            onnx, script = folder / report.ONNX, folder / report.SCRIPT
            got = {
                "onnxruntime": export.run(export.session(onnx), inputs),
                "tract, free batch": export.run_tract(onnx, inputs, None),
                "tract, batch 1": export.run_tract(onnx, inputs, 1),
                "TorchScript": export.run_script(script, inputs, 8),
                "TorchScript, batch 1": export.run_script(script, inputs, 1),
            }
            for back_end, probs in got.items():
                with self.subTest(name, back_end=back_end):
                    self.assertLess(np.abs(probs - want).max(), golden["tolerance"])
            self.assertGreater(np.ptp(want, axis=0).max(), 0.1, "a constant model is no model")

    def test_cards_are_whole_and_show_every_model(self) -> None:
        for name, manifest in self.manifests.items():
            card = (self.folders[name] / "CARD.md").read_text(encoding="utf-8")
            with self.subTest(name):
                self.assertNotIn("{{", card)
                self.assertIn(f"{manifest['parameters']:,} parameters", card)
                for part in ("## Data", "## Calibration", "## What trading", "## Latency"):
                    self.assertIn(part, card)
                for line in manifest["data"]:
                    self.assertIn(line["raw_sha256"], card)
                mcc = f"{manifest['scores'][name]['test']['mcc']:.3f}"
                self.assertIn("(this model) | ", card)
                self.assertIn(mcc, card)


if __name__ == "__main__":
    unittest.main()

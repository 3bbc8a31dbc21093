"""Tests of the package as a user gets it: installed into an environment of its own, typed, and with
NumPy. What an optional tool is needed for is skipped by name where it is missing.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import corelane_sidecar as sidecar  # noqa: E402 (found through the line above)
import test_server  # noqa: E402
from corelane_sidecar import wire  # noqa: E402

#: What a user's program looks like. Run in a folder of its own, it finds the installed package only.
PROGRAM = """
import sys
import corelane_sidecar as sidecar

def score(request: sidecar.Request) -> sidecar.Score | None:
    window = sidecar.rows(request)
    if window is None:
        return None
    ask_qty, bid_qty = window[-1][1], window[-1][3]
    total = ask_qty + bid_qty
    return sidecar.Score.from_probabilities(up=bid_qty / total, down=ask_qty / total)

if __name__ == "__main__":
    print(sidecar.__file__, flush=True)
    raise SystemExit(sidecar.run(score, backend="python/mine", model_file=__file__))
"""


def environment() -> dict[str, str]:
    """This process's environment without what would let a child find the source tree."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def call(*command: object) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, env=environment(), cwd="/"
    )


class InstalledTest(unittest.TestCase):
    """`pip install` into a fresh virtual environment, and a sidecar that runs from it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        made = call(sys.executable, "-m", "venv", self.folder / "venv")
        if made.returncode:
            self.skipTest("no virtual environment can be made here")
        self.python = self.folder / "venv/bin/python"
        if call(self.python, "-c", "import setuptools, wheel").returncode:
            got = call(self.python, "-m", "pip", "install", "--quiet", "setuptools", "wheel")
            if got.returncode:
                self.skipTest("setuptools and wheel are missing and cannot be fetched")

    def install(self) -> None:
        """Needs no network: what builds is there and nothing is depended on."""
        options = ("--no-build-isolation", "--no-index", "--disable-pip-version-check")
        done = call(self.python, "-m", "pip", "install", *options, HERE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_an_installed_sidecar_answers(self):
        self.install()
        listed = call(self.python, "-m", "pip", "show", "--files", "corelane-sidecar").stdout
        for file in ("__init__.py", "_server.py", "_window.py", "wire.py", "py.typed"):
            self.assertIn(f"corelane_sidecar/{file}", listed)
        self.assertNotIn("test_", listed)
        program = self.folder / "mine.py"
        program.write_text(PROGRAM)
        path = self.folder / "signal.sock"
        command = [str(self.python), "-B", str(program), f"--socket={path}"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment(), cwd=self.folder
        ) as process:
            try:
                place = Path(process.stdout.readline().strip())
                self.assertTrue(place.is_relative_to(self.folder / "venv"), place)
                self.assertEqual(process.stdout.readline(), f"listening at {path}\n")
                peer = test_server.Peer(path)
                self.addCleanup(peer.socket.close)
                peer.send(test_server.hello())
                self.assertEqual(peer.receive().backend, "python/mine")
                peer.send(test_server.request(5, bid_qty=3, ask_qty=1))
                answer = peer.receive()
                self.assertEqual((answer.request_id, answer.score_e6), (5, 500_000))
                process.terminate()
                self.assertEqual(process.stdout.read(), "answered 1 of 1 requests\n")
                self.assertEqual(process.wait(test_server.PATIENCE_S), wire.Exit.CLEAN)
            finally:
                process.kill()
        mirror = place.with_name("wire.py")
        self.assertFalse(mirror.is_symlink())
        self.assertEqual(mirror.read_bytes(), (HERE / "corelane_sidecar/wire.py").read_bytes())


class SourceTest(unittest.TestCase):
    """The package where it lies."""

    def test_there_is_one_wire_mirror(self):
        link = HERE / "corelane_sidecar/wire.py"
        self.assertTrue(link.is_symlink(), "a second copy would grow apart from the first")
        self.assertEqual(link.resolve(), HERE.parents[1] / "wire/python/corelane_wire.py")

    def test_the_program_of_the_readme_is_the_example(self):
        text = (HERE / "README.md").read_text()
        program = text.split("```python\n")[1].split("```")[0]
        compile(program, "README.md", "exec")
        self.assertLessEqual(sum(1 for line in program.splitlines() if line.strip()), 15)
        example = (HERE / "examples/logistic.py").read_text()
        for line in program.splitlines():
            code = line.split("#")[0].strip().replace('"logistic.joblib"', "FILE")
            self.assertIn(code, example)

    def test_types_are_strict(self):
        if importlib.util.find_spec("mypy") is None:
            self.skipTest("no mypy")
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-m", "mypy", f"--cache-dir={cache}", "--config-file"]
            command += ["pyproject.toml", "corelane_sidecar", "examples"]
            checked = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=HERE
            )
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
            wrong = Path(cache) / "wrong.py"
            wrong.write_text(PROGRAM.replace("up=bid_qty / total", 'up="much"'))
            command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}"]
            caught = subprocess.run(
                [*command, str(wrong)],
                capture_output=True,
                text=True,
                check=False,
                cwd=cache,
                env={**os.environ, "MYPYPATH": str(HERE)},
            )
        self.assertIn('"from_probabilities" of "Score" has incompatible type', caught.stdout)


class WindowTest(unittest.TestCase):
    """A request as numbers."""

    def test_rows_are_snapshots_of_forty_numbers(self):
        rows = sidecar.rows(test_server.request(1, bid_qty=3, ask_qty=2))
        self.assertEqual([len(row) for row in rows], [40] * 10)
        flat = [cell for row in rows for cell in row]
        self.assertEqual(flat, wire.signal_input(test_server.request(1, bid_qty=3, ask_qty=2)))
        self.assertEqual((rows[-1][1], rows[-1][3]), (2, 3))

    def test_a_window_without_a_mid_has_no_numbers(self):
        good = test_server.request(1)
        level = wire.SnapshotLevel(0, 1, 0, 1)
        bad = wire.SignalRequest(**{**vars(good), "window": (level,) * len(good.window)})
        self.assertIsNone(sidecar.rows(bad))

    def test_an_array_holds_the_rows(self):
        if importlib.util.find_spec("numpy") is None:
            self.skipTest("no numpy")
        import numpy

        request = test_server.request(1, bid_qty=3, ask_qty=2)
        array = sidecar.array(request)
        self.assertEqual((array.shape, array.dtype), ((10, 40), numpy.dtype("float32")))
        self.assertEqual(array.tolist(), numpy.float32(sidecar.rows(request)).tolist())
        third = numpy.float32(1) / numpy.float32(3)
        score = sidecar.Score.from_probabilities(up=third, down=numpy.float32(1) - third)
        self.assertEqual(score.p_up_e6 + score.p_down_e6, 1_000_000)


if __name__ == "__main__":
    unittest.main()

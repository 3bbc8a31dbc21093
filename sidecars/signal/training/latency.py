"""How long the written models take: the server's own reading round the run, in its answers.

Starts one `corelane-signal` for each model and back end and asks them in turns, burst by burst,
with `examples/round_trip.rs`. Must never: time anything itself; Python is not what serves.
"""

import os
import platform
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import onnxruntime

from bin_ctabl import BinCtabl
from networks import NETWORKS

BURSTS = 15  # a model and back end
REQUESTS = 400  # of a burst, after 500 that are not timed
INFER = re.compile(r"infer_ns +n=(\d+) min=(\d+) p50=(\d+) p99=(\d+) ")


class LatencyError(RuntimeError):
    """A program failed; the text is its own."""


def library() -> Path:
    """The library inside the onnxruntime package."""
    [found] = (Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")
    return found


def host() -> str:
    """Processor, CPUs, kernel and load: one line."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in told if "model name" in line), "unknown")
    kind = "virtual" if any("hypervisor" in line.split() for line in told) else "metal"
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{model}, {os.cpu_count()} CPUs ({kind}), Linux {platform.release()}, load {load}"


def pinned(cpu: int) -> Callable[[], None]:
    """What a child does first: it stays on one CPU."""
    return lambda: os.sched_setaffinity(0, {cpu})


def ready(server: subprocess.Popen) -> None:
    """Reads the server's lines up to the one that says it is ready."""
    said = []
    for line in server.stderr:
        said.append(line)
        if ": ready: " in line:
            return
    raise LatencyError("".join(said).strip())


def ended(server: subprocess.Popen) -> None:
    """Ends a server."""
    server.terminate()
    server.wait()
    server.stderr.close()


def measure(programs: Path, folders: dict[str, Path]) -> dict:
    """Inference times of each model on each back end that takes it, and the host."""
    cpus = sorted(os.sched_getaffinity(0))
    rows, before = [], host()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, folder in folders.items():
            fused = ["fused"] if NETWORKS[name].kind is BinCtabl else []
            for backend in (*fused, "tract", "onnxruntime"):
                socket = scratch / f"{len(rows)}.sock"
                command = [
                    programs / "corelane-signal", f"--socket={socket}", f"--model={folder}",
                    f"--backend={backend}", f"--ort-dylib={library()}", "--idle=park",
                ]
                server = subprocess.Popen(
                    command, stderr=subprocess.PIPE, text=True, preexec_fn=pinned(cpus[0])
                )
                stack.callback(ended, server)
                ready(server)
                rows.append({"model": name, "backend": backend, "socket": socket, "bursts": []})
        for _ in range(BURSTS):
            for row in rows:
                row["bursts"].append(burst(programs, row["socket"], cpus[-1]))
    return {"host": before, "rows": [shown(row) for row in rows]}


def burst(programs: Path, socket: Path, cpu: int) -> tuple[int, ...]:
    """Number, least, median and 99 % of one burst, nanoseconds."""
    client = programs / "examples" / "round_trip"
    done = subprocess.run(
        [client, socket, str(REQUESTS)],
        check=False, capture_output=True, text=True, preexec_fn=pinned(cpu),
    )
    found = INFER.search(done.stdout)
    if done.returncode or not found:
        raise LatencyError(f"{client}: {done.stdout}{done.stderr}")
    return tuple(int(number) for number in found.groups())


def shown(row: dict) -> dict:
    """A row's bursts: all requests, the least of all, and the medians of their p50 and p99."""
    counts, least, p50, p99 = zip(*row["bursts"], strict=True)
    return {
        "model": row["model"],
        "backend": row["backend"],
        "requests": sum(counts),
        "min_ns": min(least),
        "p50_ns": round(statistics.median(p50)),
        "p99_ns": round(statistics.median(p99)),
    }

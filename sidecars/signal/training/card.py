"""Writes `CARD.md`, for people, beside a model.

Must never: hold a figure of its own, or leave out a comparison the network loses.
"""

from pathlib import Path

from features import WINDOW
from networks import NETWORKS
from report import Made, Study
from trading import ENTRY_QUANTILE, FEE_E6, QTY_LOTS, SIGNAL_LATENCY_US

BASELINES = {
    "trees": "gradient-boosted trees",
    "logistic": "logistic regression on imbalance",
    "majority": "majority class",
}
NAMES = {name: network.title for name, network in NETWORKS.items()} | BASELINES
METRICS = ("macro_f1", "mcc", "accuracy", "log_loss", "brier", "ece")
HIGHER_IS_BETTER = ("macro_f1", "mcc", "accuracy")
LICENCE = """\
Copyright (c) 2022 nkaz001@protonmail.com

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def triple(values: list[float]) -> str:
    """Class shares in per cent."""
    return " / ".join(f"{100 * v:.1f}" for v in values)


def verdict(study: Study, name: str) -> str:
    """Where a network wins, where another model does, where the data cannot tell."""
    lines = []
    for other in (n for n in NAMES if n != name):
        words = {"better": [], "worse": [], "not told apart": []}
        for metric in METRICS:
            low, high = study.test[name]["minus_95"][other][metric]
            if metric not in HIGHER_IS_BETTER:
                low, high = -high, -low
            word = "better" if low > 0 else "worse" if high < 0 else "not told apart"
            words[word].append(metric)
        told = "; ".join(f"{word} in {', '.join(m)}" for word, m in words.items() if m)
        lines.append(f"- against {NAMES[other]}: {told}.")
    test = {n: t["scores"] for n, t in study.test.items()}
    for part, scores in (("the test table", test), ("validation (below)", study.validation)):
        for best, metrics in losses(scores, name).items():
            lines.append(f"- best of {part} in {', '.join(metrics)}: {best}, not this model.")
    return "\n".join(lines)


def losses(scores: dict[str, dict[str, float]], name: str) -> dict[str, list[str]]:
    """The metrics in which another model has the best figure, by that model."""
    out: dict[str, list[str]] = {}
    for metric in METRICS:
        ahead = max if metric in HIGHER_IS_BETTER else min
        best = ahead(scores, key=lambda n: scores[n][metric])
        if best != name:
            out.setdefault(NAMES[best], []).append(metric)
    return out


def called(name: str, this: str) -> str:
    """A model's name in a table of the card of `this`."""
    return f"{NAMES[name]} (this model)" if name == this else NAMES[name]


def score_table(study: Study, this: str) -> str:
    """Test scores with their intervals."""
    rows = []
    for name in NAMES:
        t = study.test[name]
        cells = [
            f"{t['scores'][m]:.3f} ({t['interval_95'][m][0]:.3f} to {t['interval_95'][m][1]:.3f})"
            for m in METRICS
        ]
        rows.append([called(name, this), *cells])
    return table(["model", *METRICS], rows)


def trade_table(study: Study, this: str) -> str:
    """What each model's scores earned in the backtest."""
    rows = [
        [called(name, this), f"{t.entry_e6 / 1e6:.3f}", str(t.fills), f"{t.turnover:,.0f}",
         f"{t.gross:+.3f}", f"{t.bps(t.gross):+.3f}", f"{t.fees:.3f}", f"{t.net:+.3f}",
         f"`{t.state_hash}`"]
        for name, t in ((n, study.trades[n]) for n in NAMES)
    ]
    head = ["model", "entry at", "fills", "traded", "before fees", "the same, bp of traded",
            "fees", "after fees", "state hash"]
    return table(head, rows)


def trade_words(study: Study, this: str) -> str:
    """What the table says of this model."""
    ours = study.trades[this]
    if not ours.fills:
        return "This model's scores never reached its entry level: it did not trade."
    better = [NAMES[n] for n in NAMES if study.trades[n].net > ours.net]
    ahead = f"Less was lost or more earned with {', '.join(better)}." if better else (
        "No other model ended with more."
    )
    sign = "loses" if ours.net < 0 else "earns"
    earned = ours.bps(ours.gross)
    return (
        f"After fees this model {sign} {abs(ours.net):.3f} USDT. What it earns before them,"
        f" {earned:+.3f} bp of what is traded,\nstands against a fee of {FEE_E6 / 100:g} bp."
        f" {ahead}\nA model that does not trade loses nothing: here that is the one to beat."
    )


def latency_words(study: Study) -> str:
    """The measurement, or that there is none."""
    if not study.latency:
        return "Not measured in the run that wrote this card (`--latency`)."
    rows = [
        [NAMES[row["model"]], row["backend"], str(row["requests"]), micros(row["min_ns"]),
         micros(row["p50_ns"]), micros(row["p99_ns"])]
        for row in study.latency["rows"]
    ]
    return (
        "One window a run: the server's own reading round the run, in its answers. A release server"
        " a row, all on\none CPU, the client on another, asked in turns, burst by burst; p50 and"
        " p99"
        " are the medians over the\nbursts. Compare within this table only: the host was shared."
        f" Host: {study.latency['host']}.\n\n"
        + table(["model", "back end", "requests", "min, us", "p50, us", "p99, us"], rows)
    )


def micros(nanoseconds: int) -> str:
    """Nanoseconds as microseconds."""
    return f"{nanoseconds / 1000:.1f}"


def kept_words(made: Made) -> str:
    """How the bundled weights relate to the runs in the table."""
    chosen = made.chosen
    if not made.kept:
        return (
            f"Seed {chosen.seed} is bundled: least validation log loss. The test columns were not"
            " used to choose."
        )
    return (
        f"Bundled are the weights of an earlier run on another kind of CPU (seed {chosen.seed},"
        f" epoch {chosen.epoch}, temperature {chosen.temperature:.2f}),\nkept as they were; the"
        " scores above are theirs. The rows, and the table of horizons, are of the run that\nwrote"
        " this card, which ends in the third digit elsewhere. The test columns were not used to"
        " choose."
    )


def make_card(study: Study, made: Made) -> str:
    """The model card."""
    template = (Path(__file__).resolve().parent / "card_template.md").read_text(encoding="utf-8")
    for key, value in values(study, made).items():
        template = template.replace("{{" + key + "}}", value)
    return template


def values(study: Study, made: Made) -> dict[str, str]:
    """What the template's keys stand for."""
    interval_ms = study.loaded[0].file.sample_interval_ns / 1e6
    chosen, network = made.chosen, made.chosen.network
    tails = study.test[network.name]["tail"]
    return {
        "title": network.title,
        "about": network.about,
        "parameters": f"{sum(p.numel() for p in chosen.model.parameters()):,}",
        "interval_ms": f"{interval_ms:.0f}",
        "horizon": str(study.horizon),
        "horizon_s": f"{study.horizon * interval_ms / 1000:g}",
        "halves": str(study.spread_halves),
        "purge": str(WINDOW - 1 + study.horizon),
        "origin": study.sources["origin"],
        "split": study.sources["split_text"],
        "block_s": f"{study.block * interval_ms / 1000:g}",
        "repeats": str(study.repeats),
        "tail_windows": str(tails["windows"]),
        "tail_bps": f"{tails['mean_move_bps']:.3f}",
        "fee_bp": f"{FEE_E6 / 100:g}",
        "qty": f"{QTY_LOTS / 1e6:g}",
        "entry_share": f"{100 * (1 - ENTRY_QUANTILE):.0f} %",
        "answer_ms": f"{SIGNAL_LATENCY_US / 1000:g}",
        "scores": score_table(study, network.name),
        "verdict": verdict(study, network.name),
        "trades": trade_table(study, network.name),
        "trade_words": trade_words(study, network.name),
        "latency": latency_words(study),
        "kept": kept_words(made),
        "licence": LICENCE,
        **tables(study, made, network.name),
    }


def tables(study: Study, made: Made, this: str) -> dict[str, str]:
    """The plain tables."""
    figures = ("log_loss", "mcc", "macro_f1")
    return {
        "data": table(
            ["recording", "role", "samples", "windows", "SHA-256 of the raw file"],
            [
                [s.entry["id"], s.entry["role"], str(len(s.file.books)),
                 ", ".join(f"{k} {v}" for k, v in study.data.counts[s.entry["id"]].items()),
                 f"`{s.entry['raw_sha256']}`"]
                for s in study.loaded
            ],
        ),
        "shares": table(
            ["part", "down / flat / up, %"], [[k, triple(v)] for k, v in study.shares.items()]
        ),
        "horizons": table(
            ["samples ahead", "down / flat / up, %", "MCC", "macro F1", "log loss"],
            [[str(h["horizon"]), triple(h["shares"]), f"{h['mcc']:.3f}", f"{h['macro_f1']:.3f}",
              f"{h['log_loss']:.3f}"] for h in study.horizons],
        ),
        "validation": table(
            ["model", *METRICS, "settings"],
            [[called(n, this), *(f"{study.validation[n][m]:.3f}" for m in METRICS),
              ", ".join(f"{k} {v}" for k, v in study.settings.get(n, {}).items()) or "-"]
             for n in NAMES],
        ),
        "runs": table(
            ["seed", "epoch", "temperature", "validation log loss", "validation MCC",
             "validation macro F1", "test log loss", "test MCC", "test macro F1"],
            [[str(r["seed"]), str(r["epoch"]), f"{r['temperature']:.2f}",
              *(f"{r[part][m]:.3f}" for part in ("validation", "test") for m in figures)]
             for r in made.runs],
        ),
        "reliability": table(
            ["windows", "mean probability of the likeliest class", "share right"],
            [[str(n), f"{said:.3f}", f"{hit:.3f}"]
             for n, said, hit in study.test[this]["reliability"]],
        ),
        "parity": table(
            ["compared", "largest difference of a probability"],
            [[k, f"{v:.1e}"] for k, v in made.parity.items()],
        ),
    }

"""A signal sidecar round a scikit-learn model that was trained elsewhere and saved with joblib.

    CORELANE_MODEL=logistic.joblib python3 logistic.py --socket=PATH

Its classes are 0 down, 1 flat, 2 up; its input is one row of 400 numbers. Load only a file you
made: joblib runs what is in it.
"""

import os

import joblib

import corelane_sidecar as sidecar

FILE = os.environ["CORELANE_MODEL"]
model = joblib.load(FILE)


def score(request: sidecar.Request) -> sidecar.Score | None:
    """The model's own chances; abstains where the window has no numbers."""
    window = sidecar.array(request)
    if window is None:
        return None
    down, _flat, up = model.predict_proba(window.reshape(1, -1))[0]
    return sidecar.Score.from_probabilities(up=up, down=down)


if __name__ == "__main__":
    raise SystemExit(sidecar.run(score, backend="sklearn/logistic", model_file=FILE))

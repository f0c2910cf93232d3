"""Post the holdout beats to a running server, one by one, and print how good and how fast it is.

python examples/ecg/holdout.py http://127.0.0.1:9696/predict
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from beats import LABELS, splits
from rich.progress import track

HEADERS = {"Content-Type": "application/json"}


def ask(url: str, bodies: list[bytes]) -> tuple[list[dict[str, Any]], list[float]]:
    """Answers, and seconds each took from here, over one connection."""
    address = urlsplit(url)
    connection = HTTPConnection(address.netloc, timeout=10)
    answers, seconds = [], []
    for body in track(bodies, "posting beats", transient=True, disable=not sys.stdout.isatty()):
        start = time.perf_counter()
        connection.request("POST", address.path, body, HEADERS)
        response = connection.getresponse()
        text = response.read()
        seconds.append(time.perf_counter() - start)
        if response.status != 200:
            raise SystemExit(f"{url} answered {response.status}: {text.decode()}")
        answers.append(json.loads(text))
    connection.close()
    return answers, seconds


def main(url: str = "http://127.0.0.1:9696/predict") -> None:
    """Ask about every holdout beat; print accuracy, recall by class, latency."""
    beats, labels = splits()["holdout"]
    bodies = [json.dumps({"beat": beat.tolist()}).encode() for beat in beats]
    answers, seconds = ask(url, bodies)
    right = np.array([answer["label"] for answer in answers]) == labels
    baseline = Counter(labels.tolist()).most_common(1)[0]
    print(f"{len(answers)} heartbeats of the holdout answered by", end=" ")
    print(f"{answers[0]['model']} {answers[0]['version']}, none failed")
    print(f'accuracy  {right.mean():.1%} (always "{baseline[0]}": {baseline[1] / len(labels):.1%})')
    for label in LABELS:
        of_class = right[labels == label]
        print(f"  {label:16} {of_class.sum():4} of {of_class.size:3} found")
    fast, slow = np.percentile(seconds, (50, 99)) * 1000
    print(f"latency   p50 {fast:.2f} ms, p99 {slow:.2f} ms, over one connection")
    shown = {key: answers[0][key] for key in ("prediction_id", "label", "confidence")}
    print(f"an answer {json.dumps(shown)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

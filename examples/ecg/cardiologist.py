"""What comes later: a cardiologist has looked, and the server is told what each beat really was.

python examples/ecg/cardiologist.py http://127.0.0.1:9696
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.request import Request, urlopen

from beats import splits


def post(url: str, value: Any) -> Any:
    """What the server answers to `value`."""
    body = json.dumps(value).encode()
    request = Request(url, data=body, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        return json.load(response)


def main(url: str = "http://127.0.0.1:9696", number: str = "200") -> None:
    """Ask about holdout beats, then say what they were."""
    beats, labels = (part[: int(number)] for part in splits()["holdout"])
    answers = post(f"{url}/predict", [{"beat": beat.tolist()} for beat in beats])
    truths = [
        {"prediction_id": answer["prediction_id"], "label": label, "source": "cardiologist"}
        for answer, label in zip(answers, labels.tolist(), strict=True)
    ]
    said = post(f"{url}/labels", truths)
    print(f"{len(answers)} beats answered, {said['accepted']} labels accepted")


if __name__ == "__main__":
    main(*sys.argv[1:])

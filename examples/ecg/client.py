"""What your own program does: post one heartbeat, read the answer. Interlock is not imported."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen


def main(url: str = "http://127.0.0.1:9696/predict") -> None:
    """Post `beat.json`, print the answer."""
    record = Path(__file__).with_name("beat.json").read_bytes()  # {"beat": [140 numbers]}
    request = Request(url, data=record, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        answer = json.load(response)
    model = f"{answer['model']} {answer['version']}"
    print(f"{answer['label']}, {answer['confidence']:.0%} sure ({model})")


if __name__ == "__main__":
    main(*sys.argv[1:])

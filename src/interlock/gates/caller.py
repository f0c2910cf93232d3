"""Asks a real server through each of its HTTP doors, and reads the answers back into arrays.

Numbers lose nothing on the way: V2 binary carries their bits, and in JSON each float32 is written
as the double of the same value, in the shortest decimals that read back as that double.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self, TypeAlias, get_args

import msgspec
import numpy as np

from interlock.engine.session import Feed
from interlock.errors import ServerError
from interlock.gates import connection
from interlock.gates.connection import Connection, Reply, Request
from interlock.package import Package
from interlock.package.golden import record
from interlock.signature.schema import Classes, Output, Signature, Vector, output_names
from interlock.signature.tensors import KINDS, encode_tensor, input_metadata

Array: TypeAlias = np.ndarray[Any, Any]
Arrays: TypeAlias = dict[str, Array]
Door = Literal["plain", "V2", "V2 binary"]

DOORS: tuple[Door, ...] = get_args(Door)
"""Every HTTP door: plain JSON records, V2 in JSON, V2 in binary."""


class Answers(NamedTuple):
    """The version that answered, and the graph's outputs by name, one entry a row."""

    version: str
    outputs: Arrays


class Caller:
    """One keep-alive connection to the server of `package` at `url`.

    Closed with the ``with`` block.
    """

    def __init__(self, url: str, package: Package) -> None:
        self._connection = Connection(url)
        self._name = package.name
        self._signature = package.signature

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *caught: object) -> None:
        self._connection.__exit__(*caught)

    def send(self, door: Door, feed: Feed) -> Reply:
        """What the server says to the rows of `feed`, be it a refusal.

        Raises
        ------
        ServerError
            When it says nothing.
        """
        return self._connection.post(encode(door, self._name, self._signature, feed))

    def ask(self, door: Door, feed: Feed) -> Answers:
        """Answers to the rows of `feed`.

        Raises
        ------
        ServerError
            When the server refuses or does not answer.
        """
        return decode(door, self._signature.output, self.send(door, feed))


def encode(door: Door, name: str, signature: Signature, feed: Feed) -> Request:
    """The request that sends the rows of `feed` to the model `name`; one row goes as one record."""
    if door == "plain":
        rows = len(next(iter(feed.values())))
        records = [record(signature, feed, row) for row in range(rows)]
        body = msgspec.json.encode(records[0] if rows == 1 else records)
        return connection.plain(f"/predict/{name}", body)
    path = f"/v2/models/{name}/infer"
    bits = door == "V2 binary"
    tensors = [
        encode_tensor(metadata, feed[metadata.name], binary=bits)
        for metadata in input_metadata(signature)
    ]
    said = {
        "inputs": [described for described, _ in tensors],
        "outputs": [{"name": output} for output in output_names(signature.output)],
        "parameters": {"binary_data_output": bits},
    }
    head = msgspec.json.encode(said)
    if not bits:
        return connection.plain(path, head)
    return connection.binary(path, head, b"".join(raw for _, raw in tensors))


def decode(door: Door, output: Output, reply: Reply) -> Answers:
    """The answers in a reply of `door`; raises ServerError when it holds none."""
    if reply.status != 200:
        said = reply.body[:500].decode(errors="replace")
        raise ServerError(f"the {door} door answered {reply.status}: {said}")
    try:
        return _plain(output, reply.body) if door == "plain" else _v2(reply)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise ServerError(
            f"the {door} door answered what cannot be read ({error!r}):"
            f" {reply.body[:500].decode(errors='replace')}"
        ) from error


def _plain(output: Output, body: bytes) -> Answers:
    said = msgspec.json.decode(body)
    rows = said if isinstance(said, list) else [said]
    return Answers(rows[0]["version"], arrays(output, rows))


def arrays(output: Output, rows: list[dict[str, Any]]) -> Arrays:
    """Answers of the plain door as the graph's outputs.

    >>> from interlock.signature import Value
    >>> arrays(Value(), [{"value": 0.5}, {"value": 2}])
    {'value': array([0.5, 2. ], dtype=float32)}
    """
    match output:
        case Classes(labels=labels):
            kind = object if isinstance(labels[0], str) else np.int64
            chances = [[row["probabilities"][str(label)] for label in labels] for row in rows]
            return {
                "label": np.array([row["label"] for row in rows], kind),
                "probabilities": np.array(chances, np.float32),
            }
        case Vector(steps=steps):
            values = [[row["values"][step] for step in steps] for row in rows]
            return {"values": np.array(values, np.float32)}
        case _:
            return {"value": np.array([row["value"] for row in rows], np.float32)}


def _v2(reply: Reply) -> Answers:
    said = msgspec.json.decode(reply.body[: reply.json_length])
    tail = reply.body[reply.json_length :] if reply.json_length else b""
    outputs: Arrays = {}
    for tensor in said["outputs"]:
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            outputs[tensor["name"]] = _array(tensor, tensor["data"])
        else:
            outputs[tensor["name"]] = _bits(tensor, tail[:size])
            tail = tail[size:]
    return Answers(said["model_version"], outputs)


def _array(tensor: dict[str, Any], data: list[Any]) -> Array:
    kind = KINDS[tensor["datatype"]]
    return np.array(data, object if kind == "str" else kind).reshape(tensor["shape"])


def _bits(tensor: dict[str, Any], chunk: bytes) -> Array:
    if tensor["datatype"] == "BYTES":
        return _array(tensor, list(_strings(chunk)))
    kind = np.dtype(KINDS[tensor["datatype"]])
    read = np.frombuffer(chunk, kind.newbyteorder("<")).astype(kind)
    return read.reshape(tensor["shape"])


def _strings(chunk: bytes) -> Iterator[str]:
    at = 0
    while at < len(chunk):
        (length,) = struct.unpack_from("<I", chunk, at)
        yield chunk[at + 4 : at + 4 + length].decode()
        at += 4 + length

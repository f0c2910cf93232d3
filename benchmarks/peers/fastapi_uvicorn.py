"""FastAPI under uvicorn."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from peers.model import Model


class Record(BaseModel):
    """What comes in."""

    beat: list[float]


class Answer(BaseModel):
    """What goes out."""

    label: str
    probabilities: dict[str, float]


app = FastAPI()
model = Model()


@app.post("/predict")
async def predict(record: Record) -> Answer:
    """One record in, one answer out."""
    return Answer(**model.predict(record.beat))

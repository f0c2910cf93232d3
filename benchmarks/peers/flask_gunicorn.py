"""Flask under gunicorn."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from peers.model import Model

app = Flask(__name__)
model = Model()


@app.post("/predict")
def predict() -> Response:
    """One record in, one answer out."""
    return jsonify(model.predict(request.get_json()["beat"]))

"""mosec, with two processes for the model."""

from __future__ import annotations

from typing import Any

from mosec import Server, Worker

from peers.model import Model


class Inference(Worker):
    """One record in, one answer out, as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        """Called by mosec for each record."""
        return self.model.predict(data["beat"])


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inference, num=2, route="/predict")
    server.run()

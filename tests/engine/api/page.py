"""A page as tests play it: it opens an image, holds it, and sends what is done."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from anymask.engine.store.values import Action, Version
from tests.engine.store.steps import NOW

JSON = dict[str, Any]


def as_json(action: Action) -> JSON:
    """An action as the browser sends it."""
    return {
        "id": action.id,
        "kind": action.kind,
        "target": action.target,
        "at": (action.at or NOW).isoformat(),
        "changes": [
            {"mask_id": one.mask_id, "before": one.before, "after": _version(one.after)}
            for one in action.changes
        ],
        "effort": {
            "seconds": action.effort.seconds,
            "clicks_add": action.effort.clicks_add,
            "clicks_remove": 0,
            "boxes": 0,
            "strokes": 0,
            "chosen": action.effort.chosen,
            "model_id": action.effort.model_id,
            "events": list(action.effort.events),
        },
        **({} if action.state is None else {"state": action.state}),
    }


def _version(version: Version | str | None) -> JSON | None:
    if version is None:
        return None
    assert isinstance(version, Version)
    return {
        "id": version.id,
        "segmentation": version.segmentation,
        "bbox": [0, 0, 0, 0],
        "area": 0,
        "label_id": version.label_id,
        "group": version.group,
        "order": version.order,
        "source": version.source,
        "predicted_iou": version.predicted_iou,
        "stability_score": version.stability_score,
    }


class Page:
    """A page of somebody on an image."""

    def __init__(
        self, client: TestClient, image_id: int = 1, headers: dict[str, str] | None = None
    ) -> None:
        self.client, self.image_id, self.headers = client, image_id, headers
        self.url = f"/api/images/{image_id}"
        assert self.document()["id"] == image_id
        answer = client.post(f"{self.url}/lease", json={"token": None}, headers=headers)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]

    def document(self) -> JSON:
        """The image as the server has it."""
        answer = self.client.get(self.url, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: JSON = answer.json()
        return found

    def send(self, *actions: Action, token: str | None = None) -> Any:
        """Send what was done; the answer."""
        json = {"token": token or self.token, "actions": [as_json(one) for one in actions]}
        return self.client.post(f"{self.url}/actions", json=json, headers=self.headers)

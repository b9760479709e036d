"""Several processes: two learn what one would with twice the accumulation (gloo, loopback)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from tests.training.scripted import write_folder

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "train_encoder": "true",
    "steps": "4",
    "warmup_steps": "1",
    "lr": "1e-3",
    "milestones": "3",
    "drop_path": "0",
    "batch": "4",
    "masks_per_pass": "3",
    "further_points": "2",
    "clip_norm": "1",
    "ema": "0.5",
    "holdout": "0.25",
    "validate_every": "4",
    "save_every": "2",
}


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def trained(world: int, data: Path, out: Path, weights: Path, **changes: str) -> list[float]:
    """The losses of a run with so many processes."""
    settings = [f"{k}={v}" for k, v in {**SETTINGS, "weights": str(weights), **changes}.items()]
    port = str(free_port())
    processes = []
    for rank in range(world):
        env = os.environ | {"PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"}
        if world > 1:
            env |= {"RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank)}
            env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        command = [
            sys.executable,
            "-m",
            "tests.training.distributed_process",
            str(data),
            str(out),
            *settings,
        ]
        processes.append(subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.PIPE))
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture
def weights(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Path:
    tiny_checkpoint.save(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize("sharded", ["false", pytest.param("true", marks=pytest.mark.slow)])
def test_two_processes_learn_what_one_does_with_twice_the_accumulation(
    weights: Path, tmp_path: Path, sharded: str
) -> None:
    data = write_folder(tmp_path / "data", 8)
    alone = trained(1, data, tmp_path / "one", weights, sharded=sharded)
    together = trained(2, data, tmp_path / "two", weights, sharded=sharded)
    assert together == pytest.approx(alone, rel=1e-4)
    one, two = (read_checkpoint(tmp_path / x / "last").state for x in ("one", "two"))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_two_processes_resume_together(weights: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 8)
    whole = trained(2, data, tmp_path / "whole", weights, sharded="true")
    trained(2, data, tmp_path / "cut", weights, sharded="true", steps="2")
    cut = trained(2, data, tmp_path / "cut", weights, sharded="true")
    assert cut == pytest.approx(whole, rel=1e-5)

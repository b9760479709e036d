"""What many tests share: a tiny model, the default weights, real photographs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import torch
from filelock import FileLock

from anymask.errors import OfflineError
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import Sam, SamConfig
from anymask.models.tiny_vit import TinyViTConfig
from anymask.models.vit import ViTConfig
from anymask.predict.predictor import Predictor, load
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.fetch import sha256_of
from anymask.weights.graph_pair import FORMAT, RUN_FILES
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import DEFAULT

if TYPE_CHECKING:
    from anymask.export.onnx import Traced

Exporter = Callable[[str, str], Path]
Tracer = Callable[[str], "Traced"]
ROOT = Path(__file__).resolve().parents[1]
TINY_ENCODER = ViTConfig(
    width=32,
    depth=2,
    heads=2,
    global_blocks=(1,),
    image_px=128,
    patch_px=16,
    window=3,
    out_channels=64,
)
TINY = SamConfig(TINY_ENCODER, MaskDecoderConfig(width=64, mlp_hidden=64, iou_head_hidden=64))
# Wide enough for products that int8 is worth while for, and known to the browser's kernels.
WIDE = SamConfig(
    replace(TINY_ENCODER, width=128, out_channels=256),
    MaskDecoderConfig(mlp_hidden=256),
)


# Windows that end beyond their grids, kernels of the browser's own for all of it, a second look.
TINY_VIT = SamConfig(
    TinyViTConfig((16, 16, 24, 40), (1, 1, 2, 1), (2, 2, 3, 5), image_px=256, out_channels=64),
    replace(TINY.decoder, heads=4, ranking=16),
)


def random_model(config: SamConfig, seed: int = 0) -> Sam:
    """A model all of whose parameters are random, those that start as zeros and ones included."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = Sam(config).eval()
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model


@pytest.fixture
def tiny_model() -> Sam:
    """A random SAM small enough to run in milliseconds."""
    return random_model(TINY)


@pytest.fixture
def tiny_checkpoint(tiny_model: Sam) -> Checkpoint:
    """The tiny model as a checkpoint."""
    return Checkpoint("tiny", TINY, tiny_model.state_dict(), "0" * 64, {"source": "a test"})


@pytest.fixture
def tiny_predictor(tiny_checkpoint: Checkpoint) -> Predictor:
    """The tiny model, ready to answer."""
    return Predictor(tiny_checkpoint)


@pytest.fixture
def picture() -> npt.NDArray[np.uint8]:
    """A picture of nothing: 60 rows, 90 columns."""
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def predictors() -> Callable[[str], Predictor]:
    """Rows that come from MobileSAM's files, if those are on this machine."""

    @cache
    def of(row: str) -> Predictor:
        try:
            return load(row, offline=True, dtype="float32")
        except OfflineError:
            pytest.skip("the default weights are not here: anymask weights pull mobile-sam")

    return of


@pytest.fixture(scope="session")
def mobile_sam(predictors: Callable[[str], Predictor]) -> Predictor:
    """MobileSAM as its authors give it."""
    return predictors("mobile-sam")


@pytest.fixture(scope="session")
def default_weights(predictors: Callable[[str], Predictor]) -> Predictor:
    """The default weights: MobileSAM with a second look at masks."""
    return predictors(DEFAULT)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real images with ground truth, if they are on this machine."""
    folder = Path(os.environ.get("ANYMASK_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real images are not here: set ANYMASK_DATA")
    return folder


def checkpoint_of(model: str) -> Checkpoint:
    """``tiny``, a random ViT, ``tiny-vit``, a random TinyViT, or the default weights."""
    config = {"tiny": WIDE, "tiny-vit": TINY_VIT}.get(model)
    if config is None:
        return load_checkpoint(model, offline=True)
    state = random_model(config).state_dict()
    state["mask_decoder.iou_prediction_head.layers.2.weight"] /= 4  # about as large as real IoUs
    return Checkpoint(model, config, state, "0" * 64, {"source": "a test"})


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers share."""
    base = tmp_path_factory.getbasetemp()
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    folder = (base.parent if is_worker else base) / "exports"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def traced(exports: Path) -> Tracer:
    """The graphs of a model, which take the most time to make: made once for all workers."""
    import onnx_ir as ir  # as anymask.export takes it; both take seconds to import

    from anymask.export.onnx import Traced, trace

    @cache
    def make(model: str) -> Traced:
        folder, checkpoint = exports / f"{model}-graphs", checkpoint_of(model)
        with FileLock(exports / f"{model}-graphs.lock"):
            if not folder.exists():
                made = trace(checkpoint)
                folder.mkdir()
                for name, graph in made.graphs.items():
                    ir.save(graph, folder / name)
                return made
        return Traced(checkpoint, False, {file.name: ir.load(file) for file in folder.iterdir()})

    return make


@pytest.fixture(scope="session")
def exported(exports: Path, traced: Tracer) -> Exporter:
    """The folder of an export of a model with a dtype, made once for all workers."""

    @cache
    def make(model: str, dtype: str) -> Path:
        folder = exports / f"{model}-{dtype}"
        with FileLock(exports / f"{model}-{dtype}.lock"):
            return folder if folder.exists() else traced(model).write(folder, dtype=dtype).folder

    return make


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Predictor]:
    """The same models in PyTorch."""
    return cache(lambda model: Predictor(checkpoint_of(model)))


@pytest.fixture
def mock_export() -> Callable[[Path], Path]:
    """Write a folder that is an export until somebody runs its graphs, which are none."""

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True)
        files = {}
        for name in RUN_FILES:
            (folder / name).write_bytes(name.encode())
            files[name] = {"sha256": sha256_of(folder / name), "bytes": len(name)}
        header = {
            "anymask_export": FORMAT,
            "name": "tiny",
            "model": "tiny@0123",
            "dtype": "float16",
            "resize": "longest_side",
            "embedding_shape": [8, 4, 4],
            "input_px": 64,
            "mask_side": 16,
            "pixel_mean": [1, 2, 3],
            "pixel_std": [1, 2, 3],
            "versions": {"anymask": version("anymask")},
            "files": files,
        }
        (folder / "export.json").write_text(json.dumps(header))
        return folder

    return write

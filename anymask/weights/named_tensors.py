"""Named tensors: which of the things in a checkpoint are the model's parameters.

Trainers nest them (``{"model": …, "optimizer": …}``), wrap the model in others, each of which puts
a word before every name (``module.``, ``_orig_mod.``, Lightning's ``model.``), and save a moving
average beside them. What a model's own names begin with tells them from everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from anymask.errors import CorruptFileError, LayoutError

# Put into names by DistributedDataParallel and AveragedModel, torch.compile, FSDP, checkpointing.
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
DEEPEST = 4  # dictionaries in one another
NAMED = 4  # in messages
TOP = "."  # the label of tensors that lie in no dictionary and behind no prefix


@dataclass(frozen=True)
class Roots:
    """What a model's parameter names begin with, up to the first dot.

    model: a file without any of these holds no whole model. others: its other parts.
    """

    model: tuple[str, ...]
    others: tuple[str, ...]

    def index(self, words: Sequence[str]) -> int | None:
        """Where in a name's words the model's own name begins."""
        known = {*self.model, *self.others}
        return next((i for i, word in enumerate(words) if word in known), None)


SAM_ROOTS = Roots(
    model=("image_encoder", "vision_encoder"),
    others=("prompt_encoder", "mask_decoder", "shared_image_embedding", "pixel_mean", "pixel_std"),
)
MAE_ROOTS = Roots(
    model=("patch_embed",),
    others=("blocks", "pos_embed", "cls_token", "norm", "mask_token", "decoder_pos_embed"),
)


@dataclass(frozen=True, eq=False)
class NamedTensors:
    """Tensors by the names that the model's own code has for them.

    label: where they lay, as a person may ask for them (``read_state``). left_out: names of tensors
    beside them that are none of the model's. unread: classes of other values in the file, which
    were not made.
    """

    label: str
    tensors: dict[str, Tensor]
    left_out: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def choose(content: Any, roots: Roots, source: str, part: str = "") -> NamedTensors:
    """The model's tensors in whatever a file holds.

    part: the label of those that are wanted, where there are several. source: for messages.

    Raises ``LayoutError`` where several models are there and none is named, or another than is
    there; ``CorruptFileError`` where nothing has named tensors.
    """
    groups = [
        group
        for path, mapping in _mappings(content)
        for group in _split(path, dict(_tensors(mapping, roots)), roots)
    ]
    if not groups:
        raise CorruptFileError(f"{source} holds no named tensors, but {_outline(content)}")
    known = {*roots.model, *roots.others}
    models = [group for group in groups if _roots_of(group) & {*roots.model}]
    if part:
        return _asked_for(models or groups, source, part)
    if not models:  # the caller says what it is instead
        return max(groups, key=lambda group: (bool(_roots_of(group)), len(group.tensors)))
    chosen = models[0]
    others = [group for group in models[1:] if not _same(chosen, group)]
    if others:
        labels = [group.label for group in (chosen, *others)]
        raise LayoutError(
            f"{source} holds {len(labels)} models: {', '.join(labels)}; say which, as in "
            f"{source}#{labels[-1]}"
        )
    # An average of what was trained, say, that is of no whole model.
    pieces = [group for group in groups if group not in models and _roots_of(group) & known]
    left_out = [f"{group.label}.{name}" for group in pieces for name in group.tensors]
    return replace(chosen, left_out=(*chosen.left_out, *left_out))


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def _mappings(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """All dictionaries in one another, each with its keys' path, outer ones first."""
    if not isinstance(content, Mapping) or len(path) > DEEPEST:
        return
    yield ".".join(path), content
    for key, value in content.items():
        if isinstance(key, str):
            yield from _mappings(value, (*path, key))


def _tensors(mapping: Mapping[Any, Any], roots: Roots) -> Iterator[tuple[str, Tensor]]:
    """A dictionary's tensors; those of a dictionary for each part of a model are joined."""
    for key, value in mapping.items():
        if isinstance(key, str) and isinstance(value, Tensor):
            yield key, value.detach()
        elif key in (*roots.model, *roots.others) and isinstance(value, Mapping):
            yield from ((f"{key}.{name}", tensor) for name, tensor in _tensors(value, roots))


def _split(path: str, tensors: Mapping[str, Tensor], roots: Roots) -> Iterator[NamedTensors]:
    """The tensors of one dictionary, apart for each prefix of their names."""
    by_prefix: dict[str, dict[str, Tensor]] = {}
    strangers: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        words = [word for word in name.split(".") if word not in WRAPPERS]
        start = roots.index(words)
        if start is None:
            strangers[name] = tensor
            continue
        own = ".".join(words[start:])
        group = by_prefix.setdefault(".".join(words[:start]), {})
        if own in group and not _equal(group[own], tensor):
            raise LayoutError(f"two different tensors of one file are {own}; one of them is {name}")
        group[own] = tensor
    if not by_prefix and strangers:
        yield NamedTensors(path or TOP, strangers)
    chosen = [prefix for prefix in by_prefix if _has_model(by_prefix[prefix], roots)] or by_prefix
    others = [
        f"{prefix}.{name}".lstrip(".")
        for prefix, group in by_prefix.items()
        if prefix not in chosen
        for name in group
    ]
    for prefix in chosen:
        label = ".".join(filter(None, (path, prefix if len(chosen) > 1 else ""))) or TOP
        yield NamedTensors(label, by_prefix[prefix], (*others, *strangers))


def _has_model(tensors: Mapping[str, Tensor], roots: Roots) -> bool:
    return any(name.split(".")[0] in roots.model for name in tensors)


def _roots_of(group: NamedTensors) -> set[str]:
    return {name.split(".")[0] for name in group.tensors}


def _asked_for(groups: Sequence[NamedTensors], source: str, part: str) -> NamedTensors:
    labels = [group.label for group in groups]
    if part not in labels:
        raise LayoutError(f"{source} has no model {part!r}; it has {', '.join(labels)}")
    return groups[labels.index(part)]


def _same(one: NamedTensors, other: NamedTensors) -> bool:
    """Whether two groups are the same model under two names."""
    return one.tensors.keys() == other.tensors.keys() and all(
        _equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items()
    )


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _outline(content: Any) -> str:
    """What a file holds, in a few words."""
    if isinstance(content, Mapping):
        keys = [str(key) for key in content]
        return f"a dictionary of {named(keys)}" if keys else "an empty dictionary"
    return f"a {type(content).__name__}"

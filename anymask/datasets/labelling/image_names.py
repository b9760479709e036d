"""Image names: which image a file means, whatever machine and program wrote its name."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from anymask.datasets.coco.names import NameIndex, file_names, normal
from anymask.errors import DatasetError


class ImageNames:
    """The images of a dataset, to be found by the names that other programs have for them.

    names: with ``/``, relative to the dataset's folder.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {normal(name): name for name in names}
        self._index = NameIndex(self._names.items())

    def find(self, written: str, folder: str = "") -> str | None:
        """The image that a file in ``folder`` means by a name; None where it is not there.

        A relative path counts from that file on. It is the image of this file name in the folders
        that agree best, from the last one up, first one of which all do, as a folder of results
        repeats the folders of its images. Absolute paths, other disks and addresses lead to it,
        too. Raises ``DatasetError`` where several agree as well.
        """
        exact = posixpath.normpath(posixpath.join(folder, written.replace("\\", "/")))
        if normal(exact) in self._names:
            return self._names[normal(exact)]
        for path in file_names({"file_name": written}):
            wanted = normal(posixpath.join("/", folder, path))
            near = self._index.nearest([wanted])
            whole = [name for name in near if wanted.endswith(f"/{normal(name)}")]
            if len(near) > 1 and len(whole) != 1:
                raise DatasetError(f"{written} may be {' or '.join(sorted(near)[:3])}")
            if near:
                return (whole or near)[0]
        return None

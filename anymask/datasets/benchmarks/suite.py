"""Suite: the datasets of the papers' experiments, where to get them and how to open them.

The 23 of the suite for single points are Table 7 of *Segment Anything* (§D.1), with its numbers
and the pages that it links to; the difference to RITM is Fig. 9a. Those for clicks are RITM's
(Sofiiuk et al., 2021, README of its code). How sets are laid out, and licences that were not read
on a page of the set itself, are others' word; ``note`` and ``licence_from`` say so.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from anymask.errors import DatasetError

# Sets with more masks than the first were subsampled: whole images, drawn at random, until their
# masks were about the second. The images' faces were blurred. Nothing is said of masks left out.
MOST_MASKS, MASKS_DRAWN = 15_000, 10_000

PAGE, OTHERS_SAY, UNCHECKED = "page", "others", ""
NOT_CHECKED = "not checked: see its page"
POINTS, CLICKS, EDGES = "points", "clicks", "edges"
PROPOSALS, BOXES = "proposals", "boxes"
IN_CONTEXT, VIDEO = "in-context", "video"
COCO, MASK_PICTURES, NOT_READ = "COCO annotations", "mask pictures", ""


@dataclass(frozen=True)
class Benchmark:
    """A dataset, and the part of it that a paper's figures are of.

    image_type, mask_type, split: in Table 7's words. images, masks: how many were looked at.
    subsampled: whether these were drawn from more; None where neither the paper nor the number of
    images of the whole split tells.
    sam_minus_ritm: mIoU of SAM ViT-H less RITM's at one centre point, as a fraction, if known.
    licence_from: ``PAGE`` if it was read there, ``OTHERS_SAY``, or ``UNCHECKED``.
    kind: as ``open_dataset`` recognises it (``Dataset.kind``), ``NOT_READ`` if it must be converted
    first; note: what to open, or to do before. used_for: which experiments.
    """

    name: str
    image_type: str
    mask_type: str
    split: str
    images: int
    masks: int
    subsampled: bool | None
    sam_minus_ritm: float | None
    about: str
    licence: str
    licence_from: str
    page: str
    kind: str
    note: str
    used_for: tuple[str, ...] = (POINTS,)


# fmt: off
SUITE: tuple[Benchmark, ...] = (
    Benchmark(
        "PPDLS", "plants", "instance", "all", 182, 2_347, False, 0.469,
        "leaves of tobacco and Arabidopsis",
        "academic use only, no redistribution", PAGE,
        "https://www.plant-phenotyping.org/datasets-home", "PPDLS leaves",
        "Plant/Ara2012 (120 images) and Plant/Tobacco (62) make 182; that these were taken is a "
        "guess from the numbers",
    ),
    Benchmark(
        "BBBC038v1", "microscopy", "instance", "train", 227, 10_506, True, 0.447,
        "nuclei of cells, in many kinds of preparation",
        "CC0", OTHERS_SAY, "https://bbbc.broadinstitute.org/BBBC038", MASK_PICTURES,
        "stage1_train as it is unpacked, a folder for each image",
    ),
    Benchmark(
        "DOORS", "boulders", "instance", "DS1", 10_000, 10_000, True, 0.411,
        "single boulders on a sphere, rendered",
        NOT_CHECKED, UNCHECKED, "https://zenodo.org/record/7107409", NOT_READ,
        "images lie in img/ and masks in Rock_all/: rename these to images/ and masks/",
    ),
    Benchmark(
        "TimberSeg", "logs", "instance", "all", 220, 2_487, False, 0.289,
        "logs in piles, as an operator of a loader sees them",
        "CC BY 4.0", OTHERS_SAY, "https://data.mendeley.com/datasets/y5npsm3gkj", COCO,
        "prescaled/coco_annotation_rotated.json",
    ),
    Benchmark(
        "NDD20", "underwater", "instance", "all", 4_402, 6_100, False, 0.211,
        "two species of dolphins, above and under water",
        "CC BY-NC-SA 4.0", OTHERS_SAY, "https://doi.org/10.25405/data.ncl.c.4982342", NOT_READ,
        "outlines are in ABOVE_LABELS.json and its like, of the VGG annotator (not checked): "
        "make COCO polygons of them",
    ),
    Benchmark(
        "LVIS", "scenes", "instance", "validation (v0.5)", 945, 9_642, True, 0.185,
        "COCO's photographs with objects of over a thousand categories",
        "CC BY 4.0 (annotations)", OTHERS_SAY, "https://www.lvisdataset.org/", COCO,
        "lvis_v0.5_val.json, with the folder of COCO's images as images",
    ),
    Benchmark(
        "STREETS", "traffic camera", "instance", "all", 819, 9_854, None, 0.173,
        "cars in the pictures of traffic cameras",
        NOT_CHECKED, UNCHECKED, "https://databank.illinois.edu/datasets/IDB-3671567", NOT_READ,
        "annotations/vehicle-annotations.json is of the VGG annotator: make COCO polygons of it",
    ),
    Benchmark(
        "ZeroWaste-f", "recycling", "instance", "train", 2_947, 6_155, False, 0.091,
        "deformed waste in clutter, on a conveyor belt",
        "CC BY-NC 4.0", OTHERS_SAY, "http://ai.bu.edu/zerowaste/", COCO,
        "splits_final_deblurred/train, with labels.json beside data/",
    ),
    Benchmark(
        "iShape", "irregular shapes", "instance", "validation", 754, 9_742, True, 0.088,
        "antennas, branches, logs, fences, hangers and wires",
        "CC0", PAGE, "https://ishape.github.io/", COCO,
        "a COCO file for each of the six shapes; evaluate these one by one",
    ),
    Benchmark(
        "ADE20K", "scenes", "instance", "validation", 302, 10_128, True, 0.078,
        "objects and parts of scenes",
        "non-commercial research and education (images)", OTHERS_SAY,
        "https://groups.csail.mit.edu/vision/datasets/ADE20K/", "ADE20K objects",
        "the full release, its folder validation; parts of objects are not read",
    ),
    Benchmark(
        "OVIS", "occlusions", "instance", "train", 2_044, 10_011, True, 0.070,
        "objects in films, behind each other",
        NOT_CHECKED, UNCHECKED, "http://songbai.site/ovis/", NOT_READ,
        "annotations_train.json lists films with masks for each frame: make a COCO file of frames",
    ),
    Benchmark(
        "Hypersim", "simulation", "instance",
        "Evermotion archinteriors, volumes 1-55 without 20, 25, 40, 49", 338, 9_445, True, 0.061,
        "rendered indoor scenes",
        "CC BY-SA 3.0", PAGE, "https://github.com/apple/ml-hypersim", NOT_READ,
        "instances are in HDF5 files: write each as a picture of values below masks/",
    ),
    Benchmark(
        "NDISPark", "parking lots", "instance", "train", 111, 2_577, False, 0.027,
        "vehicles on parking lots, at day and night",
        "ODC-By 1.0", OTHERS_SAY, "https://zenodo.org/record/6560823", COCO,
        "train, with train_coco_annotations.json beside imgs/",
    ),
    Benchmark(
        "VISOR", "egocentric", "instance", "validation", 1_864, 10_141, None, 0.018,
        "hands and what they use, in EPIC-KITCHENS' films",
        "CC BY-NC 4.0", OTHERS_SAY, "https://epic-kitchens.github.io/VISOR/", NOT_READ,
        "a JSON file of outlines for each film (not checked): make COCO polygons of them",
    ),
    Benchmark(
        "Plittersdorf", "stereo images", "instance", "train, validation, test", 187, 546, False,
        0.015, "wildlife before a stereo camera trap",
        NOT_CHECKED, UNCHECKED, "https://timm.haucke.xyz/datasets/plittersdorf", COCO,
        "train.json, val.json and test.json beside images/; name them one by one",
    ),
    Benchmark(
        "EgoHOS", "egocentric", "instance", "train (of Ego4D and THU-READ)", 2_940, 9_961, None,
        0.008, "hands, and the objects that they touch",
        "none in its README", PAGE, "https://github.com/owenzlz/EgoHOS", NOT_READ,
        "train has image/ and label/: rename these to images/ and labels/",
    ),
    Benchmark(
        "IBD", "drones", "instance", "train (2D annotations)", 467, 11_953, False, -0.003,
        "roofs from above (InstanceBuilding 2D)",
        "non-commercial use", PAGE,
        "https://californiachen.github.io/datasets/InstanceBuilding", NOT_READ,
        "how its 2D annotations are stored was not checked",
    ),
    Benchmark(
        "WoodScape", "fisheye driving", "instance", "set 1", 107, 10_266, True, -0.006,
        "streets through the fisheye lenses of four cameras around a car",
        "proprietary", OTHERS_SAY, "https://woodscape.valeo.com/home", NOT_READ,
        "a JSON file of outlines for each image (not checked): make COCO polygons of them",
    ),
    Benchmark(
        "Cityscapes", "driving", "panoptic", "validation", 293, 9_973, True, -0.020,
        "streets of European cities",
        "terms of its own, with registration", PAGE, "https://www.cityscapes-dataset.com/",
        "Cityscapes instances",
        "the glob FOLDER/*/val; only instances are read, the paper has regions of all classes",
    ),
    Benchmark(
        "PIDRay", "X-ray", "instance", "test (hard)", 3_733, 8_892, False, -0.058,
        "prohibited items in baggage",
        "academic use only", PAGE, "https://github.com/bywang2018/security-dataset", COCO,
        "annotations/xray_test_hard.json, beside which is hard/",
    ),
    Benchmark(
        "DRAM", "paintings", "semantic", "test", 718, 1_179, False, -0.065,
        "classes of objects in paintings of four movements",
        NOT_CHECKED, UNCHECKED, "https://faculty.runi.ac.il/arik/site/artseg/Dram-Dataset.html",
        NOT_READ, "lay the pictures of the test split below images/ and their labels below labels/",
    ),
    Benchmark(
        "TrashCan", "underwater", "instance", "train (instance task)", 5_936, 9_540, False, -0.150,
        "trash and wildlife that underwater vehicles filmed",
        "CC BY 4.0", OTHERS_SAY, "https://conservancy.umn.edu/handle/11299/214865", COCO,
        "instance_version/instances_train_trashcan.json, beside which is train/",
    ),
    Benchmark(
        "GTEA", "egocentric", "instance", "train (hands)", 652, 1_208, False, -0.214,
        "hands in the films of four persons' daily work",
        NOT_CHECKED, UNCHECKED, "https://cbs.ic.gatech.edu/fpv/", MASK_PICTURES,
        "GTEA_GAZE_PLUS, with Images/ and Masks/; split_regions makes an object of each hand",
    ),
)

OTHERS: tuple[Benchmark, ...] = (
    Benchmark(
        "GrabCut", "photographs", "trimap", "all", 50, 50, False, None,
        "one object an image, with an undecided band around it",
        NOT_CHECKED, UNCHECKED, "https://github.com/SamsungLabs/ritm_interactive_segmentation",
        "GrabCut trimaps", "GrabCut.zip; of trimaps alone, with the folder of images as images",
        (CLICKS,),
    ),
    Benchmark(
        "Berkeley", "photographs", "instance", "all", 96, 100, False, None,
        "an object or two an image of BSDS",
        NOT_CHECKED, UNCHECKED, "https://github.com/SamsungLabs/ritm_interactive_segmentation",
        MASK_PICTURES, "Berkeley.zip, with images/ and masks/ (not checked)",
        (CLICKS,),
    ),
    Benchmark(
        "SBD", "photographs", "instance", "validation", 2_857, 6_671, False, None,
        "instances of the classes of Pascal VOC",
        NOT_CHECKED, UNCHECKED, "http://home.bharathh.info/pubs/codes/SBD/download.html",
        "SBD instances", "dataset/; only the images that val.txt lists count, so remove the others",
        (CLICKS,),
    ),
    Benchmark(
        "DAVIS", "films", "instance", "345 frames that RITM's authors drew", 345, 345, True, None,
        "one object a frame, of DAVIS 2016",
        NOT_CHECKED, UNCHECKED, "https://davischallenge.org/", "DAVIS frames (480p)",
        "as it is unpacked; RITM's DAVIS.zip has other folders (not checked)",
        (CLICKS,),
    ),
    Benchmark(
        "BSDS500", "photographs", "boundaries", "test", 200, 200, False, None,
        "boundaries that about five persons drew on each image",
        NOT_CHECKED, UNCHECKED,
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
        "BSDS500", "as it is unpacked; only edges are evaluated on it",
        (EDGES,),
    ),
    Benchmark(
        "COCO", "scenes", "instance", "val2017", 5_000, 36_335, False, None,
        "objects of 80 categories in everyday photographs",
        "CC BY 4.0 (annotations)", OTHERS_SAY, "https://cocodataset.org/", COCO,
        "instances_val2017.json; masks without crowds, a number from memory",
        (PROPOSALS, BOXES),
    ),
    Benchmark(
        "LVIS v1", "scenes", "instance", "validation (v1)", 19_809, 244_707, False, None,
        "COCO's photographs with objects of 1,203 categories, rare ones among them",
        "CC BY 4.0 (annotations)", OTHERS_SAY, "https://www.lvisdataset.org/", COCO,
        "lvis_v1_val.json, with the folder of COCO's images as images; numbers from memory",
        (PROPOSALS, BOXES),
    ),
    Benchmark(
        "COCO-20i", "scenes", "semantic", "val2014, 1,000 questions of each of four folds",
        4_000, 4_000, True, None,
        "classes of everyday photographs, each shown by an example and sought in another image",
        "CC BY 4.0 (annotations)", OTHERS_SAY, "https://cocodataset.org/", COCO,
        "instances_val2014.json, or class pictures: val2014/ and annotations/val2014/",
        (IN_CONTEXT,),
    ),
    Benchmark(
        "PASCAL-5i", "photographs", "semantic", "validation, 1,000 questions of each of four folds",
        4_000, 4_000, None, None,
        "the twenty classes of Pascal VOC 2012, SBD's masks added, shown by an example",
        NOT_CHECKED, UNCHECKED, "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/", "PASCAL-5i",
        "VOC2012/ with SegmentationClassAug/, and HSNet's lists below splits/pascal/val/",
        (IN_CONTEXT,),
    ),
    Benchmark(
        "FSS-1000", "photographs", "semantic", "test, 240 classes", 2_400, 2_400, False, None,
        "ten images of each of a thousand classes, many of which no other set has",
        NOT_CHECKED, UNCHECKED, "https://github.com/HKUSTCV/FSS-1000", "FSS-1000",
        "fewshot_data/, with the list fss_test_set.txt (not checked)",
        (IN_CONTEXT,),
    ),
    Benchmark(
        "DAVIS 2017", "films", "instance", "validation", 1_999, 61, False, None,
        "objects in thirty films, given in the first frame; frames and objects from memory",
        NOT_CHECKED, UNCHECKED, "https://davischallenge.org/", "DAVIS frames (480p)",
        "as it is unpacked, with the films of the split alone",
        (VIDEO,),
    ),
)
# fmt: on


def find(name: str) -> Benchmark:
    """The benchmark of a name, however it is capitalised. Raises ``DatasetError``."""
    benchmarks = {benchmark.name.lower(): benchmark for benchmark in (*SUITE, *OTHERS)}
    if name.lower() in benchmarks:
        return benchmarks[name.lower()]
    nearest = difflib.get_close_matches(name.lower(), benchmarks, n=1)
    hint = f"; did you mean {benchmarks[nearest[0]].name}?" if nearest else ""
    raise DatasetError(f"there is no benchmark {name!r}{hint}")

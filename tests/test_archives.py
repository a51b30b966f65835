"""Data sets as they are handed out, as folders of images."""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from sle_gan.assembly.plan import plan_training
from sle_gan.data.archives import image_folder
from sle_gan.data.classes import class_names
from sle_gan.data.folder import scan, subsample
from sle_gan.errors import InputError, StorageError
from sle_gan.settings import CommandSettings

SPLITS = {"train": 10, "test": 4}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def colors(count, side=32):
    """Pictures of one color each, whose left upper pixel is another one."""
    pixels = np.random.default_rng(count).integers(0, 256, [count, 1, 1, 3], np.uint8).repeat(side, 1).repeat(side, 2)
    pixels[:, 0, 1] = [1, 2, 3]
    return pixels


def planes(pixels):
    return pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)


class Python2Pickler(pickle._Pickler):
    """Writes bytes as the strings of Python 2, as the real archives have them."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, content):
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    dispatch[bytes] = save_bytes


def pickled(content):
    Python2Pickler(file := io.BytesIO(), 2).dump(content)
    return file.getvalue()


def encoded(color, kind="PNG"):
    Image.new("RGB", [32, 32], color).save(file := io.BytesIO(), kind)
    return file.getvalue()


NAMES = [b"airplane", b"cat", b"truck"]
LABELS = [0, 1, 2, 1, 0, 2, 2, 1, 0, 1]


def cifar10_python():
    batches = {f"data_batch_{n + 1}": (colors(10)[2 * n : 2 * n + 2], LABELS[2 * n : 2 * n + 2]) for n in range(5)}
    batches["test_batch"] = colors(4), LABELS[:4]
    files = {name: pickled({b"data": planes(p), b"labels": labels}) for name, (p, labels) in batches.items()}
    return "cifar-10-batches-py", {**files, "batches.meta": pickled({b"label_names": NAMES}), "readme.html": b"<p>"}


def cifar100_python():
    files = {
        split: pickled({b"data": planes(colors(n)), b"fine_labels": LABELS[:n], b"coarse_labels": [0] * n})
        for split, n in SPLITS.items()
    }
    return "cifar-100-python", {**files, "meta": pickled({b"fine_label_names": NAMES, b"coarse_label_names": [b"x"]})}


def records(pixels, labels, before=b""):
    return b"".join(before + bytes([label]) + row.tobytes() for row, label in zip(planes(pixels), labels, strict=True))


def cifar10_binary():
    pixels = colors(10)
    files = {f"data_batch_{n + 1}.bin": records(pixels[2 * n :][:2], LABELS[2 * n :][:2]) for n in range(5)}
    files |= {"test_batch.bin": records(colors(4), LABELS[:4]), "batches.meta.txt": b"\n".join([*NAMES, b"", b""])}
    return "cifar-10-batches-bin", files


def cifar100_binary():
    files = {f"{split}.bin": records(colors(n), LABELS[:n], b"\7") for split, n in SPLITS.items()}
    return "cifar-100-binary", {**files, "fine_label_names.txt": b"\n".join(NAMES), "coarse_label_names.txt": b"x"}


def stl10():
    files = {"class_names.txt": b"\n".join(NAMES), "unlabeled_X.bin": colors(3, 96).transpose(0, 3, 2, 1).tobytes()}
    for split, count in SPLITS.items():
        files[f"{split}_X.bin"] = colors(count, 96).transpose(0, 3, 2, 1).tobytes()
        files[f"{split}_y.bin"] = bytes(label + 1 for label in LABELS[:count])
    return "stl10_binary", files


def write_tar(path, folder, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_zip(path, folder, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{folder}/{name}", content)
    return path


def write_folder(path, _folder, files):
    path = path.with_suffix("")
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def pixels_of(scanned):
    return np.stack([np.asarray(Image.open(scanned.folder / image.path).convert("RGB")) for image in scanned.images])


@pytest.mark.parametrize("write", [write_tar, write_zip, write_folder])
@pytest.mark.parametrize("layout", [cifar10_python, cifar100_python, cifar10_binary, cifar100_binary, stl10])
def test_a_data_set_is_read_as_it_is_handed_out(tmp_path, layout, write):
    archive = write(tmp_path / "set.tar.gz", *layout())
    side = 96 if layout is stl10 else 32
    for path, split in ((archive, "train"), (archive / "test", "test")):
        scanned = scan(path)
        assert class_names(scanned) == ["airplane", "cat", "truck"]
        count = SPLITS[split]
        order = sorted(range(count), key=lambda index: (NAMES[LABELS[index]], index))
        np.testing.assert_array_equal(pixels_of(scanned), colors(count, side)[order])
        assert [image.path.partition("/")[0].encode() for image in scanned.images] == sorted(
            NAMES[label] for label in LABELS[:count]
        )


def test_splits_are_taken_together_and_classes_by_name(tmp_path, capsys):
    archive = write_tar(tmp_path / "stl10_binary.tar.gz", *stl10())
    assert len(scan(archive / "train+unlabeled").images) == 13
    assert "unpacking" in capsys.readouterr().err
    assert len(scan(archive / "train+unlabeled").images) == 13
    assert capsys.readouterr().err == ""  # kept
    assert len(scan(archive / "train" / "cat").images) == LABELS.count(1)
    for part, told in (
        ("dev", "has the splits train, test, unlabeled; got dev"),
        ("train/dog", "airplane, cat, truck"),
    ):
        with pytest.raises(InputError, match=told):
            scan(archive / part)
    os.utime(archive, ns=(1, 1))  # another archive of this name
    scan(archive)
    assert "unpacking" in capsys.readouterr().err


@pytest.mark.parametrize("layout", [cifar10_python, stl10])
def test_an_archive_that_was_unpacked_is_not_read_again(tmp_path, monkeypatch, layout):
    archive = write_tar(tmp_path / "set.tar.gz", *layout())
    before = scan(archive).images
    with monkeypatch.context() as patched:
        patched.setattr(tarfile, "open", None)
        assert scan(archive).images == before
        with pytest.raises(InputError, match="has the splits train, test"):
            scan(archive / "dev")
    next((tmp_path / "cache").rglob("splits.json")).write_text("{")
    assert scan(archive).images == before


def test_pictures_that_are_unpacked_again_have_the_same_bytes(tmp_path, monkeypatch):
    archive = write_tar(tmp_path / "cifar-10-python.tar.gz", *cifar10_python())
    before = scan(archive).images
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert scan(archive).images == before


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_train": colors(10), "y_train": np.array(LABELS), "x_test": colors(4), "y_test": np.array(LABELS[:4])},
        {"images": colors(10), "labels": np.array(LABELS)[:, None], "class_names": np.array(["0", "1", "2"])},
        {"arr_0": colors(10).transpose(0, 3, 1, 2), "arr_1": np.array(LABELS)},
        {"train_images": colors(10), "train_labels": np.array(LABELS), "test_images": colors(4)},
    ],
    ids=["keras", "names", "arr", "splits first"],
)
def test_arrays_are_pictures(tmp_path, arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    scanned = scan(tmp_path / "set.npz")
    assert class_names(scanned) == ["0", "1", "2"]
    order = sorted(range(10), key=lambda index: (LABELS[index], index))
    np.testing.assert_array_equal(pixels_of(scanned), colors(10)[order])


def test_grey_and_transparent_arrays_keep_their_channels_and_many_classes_their_order(tmp_path):
    np.savez(tmp_path / "grey.npz", images=colors(12)[..., 0], labels=np.arange(12))
    scanned = scan(tmp_path / "grey.npz")
    assert {image.mode for image in scanned.images} == {"L"}
    assert class_names(scanned) == [f"{label:02d}" for label in range(12)]
    np.savez(tmp_path / "clear.npz", images=np.full([2, 8, 8, 4], 90, np.uint8))
    assert {image.mode for image in scan(tmp_path / "clear.npz").images} == {"RGBA"}


FILES = {f"{name}/{number}.png": encoded(name) for name in ("red", "blue") for number in range(2)}


@pytest.mark.parametrize(
    ("files", "part", "expected"),
    [
        (FILES, "", ["blue/0.png", "blue/1.png", "red/0.png", "red/1.png"]),
        (FILES, "red", ["0.png", "1.png"]),
        ({f"train/{n}": c for n, c in FILES.items()} | {"val/red/0.png": encoded("red")}, "val", ["red/0.png"]),
        (
            {"train/red/0.png": encoded("red"), "val/red/0.png": encoded("tan"), "words.txt": b"n1\tred"},
            "train+val",
            ["red/train-0.png", "red/val-0.png"],
        ),
        (
            {
                "train/n01/images/n01_0.JPEG": encoded("red", "JPEG"),
                "train/n01/n01_boxes.txt": b"n01_0.JPEG\t0\t0\t62\t62",
                "train/n02/images/n02_0.JPEG": encoded("blue", "JPEG"),
                "val/images/val_0.JPEG": encoded("blue", "JPEG"),
                "val/images/val_1.JPEG": encoded("red", "JPEG"),
                "val/val_annotations.txt": b"val_0.JPEG\tn02\t0\t0\t62\t62\nval_1.JPEG\tn01\t0\t0\t62\t62\n",
                "test/images/test_0.JPEG": encoded("red", "JPEG"),
            },
            "val",
            ["n01/val_1.JPEG", "n02/val_0.JPEG"],
        ),
    ],
    ids=["classes", "one of them", "a split", "two splits", "tiny imagenet"],
)
@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_archives_of_image_files_keep_their_folders(tmp_path, write, files, part, expected):
    archive = write(tmp_path / "pictures.zip" if write is write_zip else tmp_path / "pictures.tar", "all", files)
    assert [image.path for image in scan(archive / part).images] == expected


def test_what_leads_out_of_an_archive_is_not_unpacked(tmp_path):
    archive = tmp_path / "bad.tar"
    write_tar(archive, "a", FILES | {"../../../outside.png": encoded("red"), ".hidden/x.png": encoded("red")}, "w")
    with tarfile.open(archive, "a") as more:
        link = tarfile.TarInfo("a/red/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        more.addfile(link)
    assert [image.path for image in scan(archive).images] == sorted(FILES)
    assert not list(tmp_path.rglob("outside.png"))
    write_zip(tmp_path / "bad.zip", "a", FILES | {"../../../outside.png": encoded("red")})
    assert len(scan(tmp_path / "bad.zip").images) == len(FILES)
    assert not list(tmp_path.rglob("outside.png"))


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


def without(layout, name, content):
    folder, files = layout()
    return folder, files | {name: content}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (without(cifar10_python, "data_batch_3", pickle.dumps(Evil(), 2)), "asks for posix.system, which no table"),
        (without(cifar10_python, "data_batch_3", b"\x80\x02}q"), "data_batch_3 cannot be read"),
        (without(cifar10_python, "data_batch_3", pickled([])), "holds a list"),
        (without(cifar10_python, "test_batch", pickled({b"data": 3, b"labels": [1]})), None),
        (
            without(cifar10_python, "data_batch_1", pickled({b"data": planes(colors(2)), b"labels": [1]})),
            "a label each",
        ),
        (
            without(cifar10_python, "data_batch_1", pickled({b"data": planes(colors(1)), b"labels": [9]})),
            "of 3 classes",
        ),
        (without(cifar10_binary, "data_batch_2.bin", b"12"), "records of 3073 bytes; it has 2 bytes"),
        (without(stl10, "train_X.bin", b"12"), "ends within a picture"),
    ],
)
def test_damaged_and_hostile_batches_are_told_and_leave_nothing(tmp_path, monkeypatch, files, told):
    monkeypatch.chdir(tmp_path)
    archive = write_tar(tmp_path / "set.tar.gz", *files)
    if told is None:
        assert scan(archive).images  # the damage is in the other split
        archive, told = archive / "test", "a label each"
    with pytest.raises(InputError, match=told):
        scan(archive)
    assert not (tmp_path / "evil").exists()
    left = [path for path in (tmp_path / "cache").rglob("*.bmp") if "train" not in path.parts]
    assert left == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.zip", b"no archive", "x.zip cannot be read as an archive"),
        ("x.tar.gz", b"no archive", "x.tar.gz cannot be read as an archive"),
        ("x.npz", b"no arrays", "x.npz cannot be read as a file of arrays"),
        ("x.txt", b"words", "must be a folder of images"),
        ("x.jpg", encoded("red", "JPEG"), "must be a folder of images"),
    ],
)
def test_files_that_are_no_archives_are_told(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        scan(tmp_path / name)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"weights": np.zeros(3)}, "holds no array of pictures.*it has weights"),
        ({"images": np.zeros([2, 8, 8, 3])}, "must be uint8.*got float64"),
        ({"images": np.zeros([2, 8, 8, 5], np.uint8)}, r"got uint8 \[2, 8, 8, 5\]"),
        ({"images": colors(2), "labels": np.array([0])}, "a whole number from 0 for each of 2"),
        ({"images": colors(2), "labels": np.array([0, -1])}, "a whole number from 0 for each of 2"),
        ({"images": colors(2), "labels": np.array([0, 5]), "class_names": np.array(["a"])}, "of 1 classes"),
        ({"images": np.array([{}, 1], object)}, "cannot be read as a file of arrays"),
        ({"images": np.zeros([0, 8, 8, 3], np.uint8)}, "no picture"),
    ],
)
def test_arrays_that_are_no_pictures_are_told(tmp_path, arrays, told):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=told):
        scan(tmp_path / "x.npz")


def test_a_full_disk_is_told_before_anything_is_unpacked(tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "pictures.zip", "all", FILES)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 3}))
    with pytest.raises(StorageError, match=r"the pictures of pictures\.zip need about"):
        image_folder(archive)
    assert not list((tmp_path / "cache").rglob("*.png"))


def test_parquet_files_of_hugging_face_are_pictures(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    about = {"info": {"features": {"label": {"names": ["cat", "dog/wolf"], "_type": "ClassLabel"}}}}
    for split, shards in (("train", 2), ("test", 1)):
        for shard in range(shards):
            rows = [{"image": {"bytes": encoded("red"), "path": None}, "label": shard}] * 3
            table = pyarrow.Table.from_pylist(rows).replace_schema_metadata({"huggingface": json.dumps(about)})
            parquet.write_table(table, tmp_path / f"{split}-{shard:05d}-of-{shards:05d}.parquet", compression="snappy")
    assert class_names(scan(tmp_path)) == ["cat", "dog_wolf"]
    assert len(scan(tmp_path).images) == 6
    assert [image.path for image in scan(tmp_path / "test").images] == [f"cat/{n:06d}" for n in range(3)]
    alone = tmp_path / "alone.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([{"img": encoded("red"), "label": 7}]), alone)
    assert [image.path for image in scan(alone).images] == ["7/000000"]
    parquet.write_table(pyarrow.Table.from_pylist([{"text": "x"}]), alone)
    with pytest.raises(InputError, match="has no column image or img or picture"):
        scan(alone)
    alone.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        scan(alone)


def test_a_share_of_each_class_is_drawn(tmp_path):
    write_folder(tmp_path / "cats", "", {f"{n}.png": encoded("red") for n in range(8)})
    write_folder(tmp_path / "dogs", "", {f"{n}.png": encoded("blue") for n in range(4)})
    scanned = scan(tmp_path)
    for seed in range(3):
        drawn = [image.path.partition("/")[0] for image in subsample(scanned, 0.5, seed, by_class=True).images]
        assert drawn == ["cats"] * 4 + ["dogs"] * 2
    assert len(subsample(scanned, 0.01, 0, by_class=True).images) == 2
    assert len({subsample(scanned, 0.5, seed, by_class=True).images for seed in range(4)}) > 1


def test_a_training_takes_a_split_of_an_archive(tmp_path):
    archive = write_tar(tmp_path / "cifar-10-python.tar.gz", *cifar10_python())
    given = {
        "data_folder": str(archive / "train"),
        "output_folder": str(tmp_path / "runs"),
        "conditional": True,
        "data_ratio": 0.4,
        "data_ratio_by": "class",
    } | {"model": "sngan", "resolution": 32, "width": 8, "steps": 2}
    plan = plan_training(given, CommandSettings())
    assert plan.settings.images.class_names == ("airplane", "cat", "truck")
    assert len(plan.folder.images) == sum(max(1, round(0.4 * LABELS.count(label))) for label in range(3))
    assert plan.settings.images.data_folder == str(archive / "train")
    with pytest.raises(InputError, match="--data-ratio-by class takes a share of each class of --conditional"):
        plan_training({**given, "conditional": False}, CommandSettings())

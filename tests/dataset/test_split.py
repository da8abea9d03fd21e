"""What stays together when patches are split."""

import hashlib

import pytest
from conftest import PROJECT

from landmark.dataset import split
from landmark.script.errors import InputError

ALL_MULTI_PIE = [
    f"multipie-{subject:03d}_{session:02d}_01_051_{light:02d}{copy}"
    for subject in range(1, 11)
    for session in (1, 2)
    for light in (6, 7)
    for copy in ("", "@rotated")
]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("lfpw-image_0001", "lfpw-image_0001"),
        ("lfpw-image_0001@rotated", "lfpw-image_0001"),
        ("afw-1051618982_1", "afw-1051618982"),
        ("afw-1051618982_2@rotated", "afw-1051618982"),
        ("2-afw-1051618982_2", "afw-1051618982"),
        ("helen-100032540_10", "helen-100032540"),
        ("sub/afw-1051618982_1", "sub/afw-1051618982"),
        ("ibug-image_092_01", "ibug-image_092"),
        ("multipie-017_02_01_051_06", "Multi-PIE subject 017"),
        ("multipie-017_04_03_140_12@rotated", "Multi-PIE subject 017"),
        ("left-017_04_03_140_12_crop", "Multi-PIE subject 017"),
        ("people-1017_02_01_051_06", "people-1017_02_01_051_06"),  # No subject.
        ("menpo-aflw__face_39844", "menpo-aflw__face_39844"),
        ("face_00012", "face_00012"),
    ],
)
def test_photo_group(name, group):
    assert split.photo_group(name) == group


# Trap: a random split puts a photo on one side and its rotated copy on the other.
def test_copies_of_one_photo_stay_on_one_side():
    photos = [
        f"afw-{photo}_{face}" for photo in range(10**6, 10**6 + 40) for face in (1, 2)
    ]
    names = [f"{name}{copy}" for name in photos for copy in ("", "@rotated")]
    train, val = split.split_names(names, 0.7)
    assert sorted(train + val) == sorted(names)
    for name in photos:
        photo = name[:-2]
        sides = [any(photo in other for other in side) for side in (train, val)]
        assert sides.count(True) == 1
    assert len(train) % 4 == 0
    assert 20 <= len(train) / 4 <= 35


# The same trap: for Multi-PIE it is the subject that must not be on both sides.
def test_subjects_of_multi_pie_stay_on_one_side():
    train, val = split.split_names(ALL_MULTI_PIE, 0.5)
    assert sorted(train + val) == sorted(ALL_MULTI_PIE)
    subjects = [{name[9:12] for name in side} for side in (train, val)]
    assert subjects[0].isdisjoint(subjects[1])
    assert all(subjects)


def test_split_is_the_same_each_time_in_any_order():
    names = [f"lfpw-image_{index:04d}" for index in range(50)]
    first = split.split_names(names, 0.8)
    assert split.split_names(names[::-1], 0.8) == first


def test_one_photo_more_moves_no_other():
    names = [f"lfpw-image_{index:04d}" for index in range(300)]
    train, val = map(set, split.split_names(names, 0.8))
    for more in ("a-image_0001", "lfpw-image_0300", "z"):
        other_train, other_val = map(set, split.split_names([*names, more], 0.8))
        assert other_train - {more} == train
        assert other_val - {more} == val
    # Moving the ratio moves photos one way only.
    assert set(split.split_names(names, 0.9)[0]) > train


def test_sides_are_as_large_as_asked_for_and_alike_everywhere():
    names = [f"face_{index:05d}" for index in range(10000)]
    train, val = split.split_names(names, 0.9)
    assert len(train) == pytest.approx(9000, abs=100)
    # By hand: the first six bytes of sha256("face_00000") over 2 ** 48.
    digest = hashlib.sha256(b"face_00000").hexdigest()
    validates = int(digest[:12], 16) / 16**12 >= 0.9
    assert ("face_00000" in val) == validates


@pytest.mark.parametrize(("ratio", "sizes"), [(0, [0, 3]), (1, [3, 0])])
def test_a_whole_side(ratio, sizes):
    assert [len(side) for side in split.split_names(["a", "b", "c"], ratio)] == sizes
    assert sum(map(len, split.split_names(["a"], ratio))) == 1


def test_split_by_list(tmp_path, capsys):
    path = tmp_path / "list.txt"
    path.write_text("# those of last year\nafw-1051618982_2@rotated\n\nb\ngone\n")
    names = ["afw-1051618982_1", "afw-1051618982_1@rotated", "a", "b", "c"]
    train, val = split.split_by_list(names, path)
    assert sorted(train) == ["a", "c"]
    assert sorted(val) == ["afw-1051618982_1", "afw-1051618982_1@rotated", "b"]
    assert f"{path}: no patch of 1 name: 'gone'" in capsys.readouterr().out
    with pytest.raises(InputError, match="list.txt: expected names of patches, found"):
        split.split_by_list(["a"], path)


def test_benchmarks_rest_on_photos_of_groups_of_their_own():
    for name in ("300w_validation.txt", "300w_detector_validation.txt"):
        listed = (PROJECT / "benchmarks" / name).read_text().splitlines()
        assert len(set(listed)) == 188
        assert {photo.partition("-")[0] for photo in listed} == {"afw", "helen", "lfpw"}


def test_split_is_shuffled():
    names = [f"lfpw-image_{index:04d}" for index in range(50)]
    for side in split.split_names(names, 0.5):
        assert side != sorted(side)
        numbers = [int(name[-4:]) for name in side]
        assert min(numbers) < 15
        assert max(numbers) >= 35


@pytest.mark.parametrize("train_ratio", [0.001, 0.01, 0.99, 0.999])
def test_no_side_is_empty(train_ratio):
    train, val = split.split_names(["a", "b", "c"], train_ratio)
    assert sorted(map(len, (train, val))) == [1, 2]


@pytest.mark.parametrize(
    "names", [["afw-1051618982_1", "afw-1051618982_2@rotated"], []]
)
def test_one_photo_cannot_be_split(names):
    found = 1 if names else 0
    with pytest.raises(
        InputError, match=f"at least two photos or subjects .*, found {found}"
    ):
        split.split_names(names, 0.9)


def test_a_long_list_of_names_in_vain_is_cut(tmp_path, capsys):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(["a", *(f"gone_{i}" for i in range(500))]))
    split.split_by_list(["a", "b"], path)
    printed = capsys.readouterr().out
    assert "no patch of 500 names: 'gone_0, gone_1, " in printed
    assert printed.endswith("...\n")
    assert len(printed) < 400


def test_seed_decides_the_order_alone(tmp_path):
    names, path = [f"face_{i}" for i in range(50)], tmp_path / "list.txt"
    path.write_text("\n".join(names[:20]))
    for val_list in (None, path):
        first, again, other = (
            split.divide_names(names, 0.5, val_list, seed) for seed in (0, 0, 1)
        )
        assert first == again
        for side, other_side in zip(first, other, strict=True):
            assert side != other_side
            assert sorted(side) == sorted(other_side)


@pytest.mark.parametrize("name", ["a-1_mirror", "a-1-flipped@rotated", "a-1_Mirror@2"])
def test_mirror_images_are_of_the_photo(name):
    assert split.photo_group(name) == "a-1"


def test_twins_stay_on_one_side():
    names = [f"a-{i}" for i in range(40)]
    pairs = [(f"a-{i}", f"a-{i + 20}") for i in range(20)] + [("a-0", "a-1")]
    group = split.join_twins(pairs)
    assert group("a-21@rotated") == group("a-0") == "a-0"
    for side in split.divide_names(names, 0.5, None, group=group):
        assert side
        assert {f"a-{(int(name[2:]) + 20) % 40}" for name in side} == set(side)
    # Without them they would not.
    side, _ = split.divide_names(names, 0.5, None)
    assert {f"a-{(int(name[2:]) + 20) % 40}" for name in side} != set(side)


def test_twins_of_what_is_listed_validate(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a-1\n")
    names = [f"a-{i}" for i in range(5)]
    group = split.join_twins([("a-4", "a-1")])
    assert sorted(split.divide_names(names, 0.9, path, group=group)[1]) == [
        "a-1",
        "a-4",
    ]

"""Augmentation: pixels and points move together; what is off changes nothing."""

import numpy as np
import pytest
import tensorflow as tf

from landmark.dataset import augment
from landmark.face import geometry
from landmark.face.scheme import IBUG68

SIZE, MARGIN = 56, 20
WIDTH = SIZE + 2 * MARGIN
RIGHT_EYE, LEFT_EYE, NOSE = 36, 45, 30
ALL_OFF = {
    "augment_rotate": 0.0,
    "augment_scale": 0.0,
    "augment_shift": 0.0,
    "augment_flip": False,
    "augment_gray": 0.0,
    "augment_light": 0.0,
    "augment_blur": 0.0,
    "augment_occlusion": 0.0,
    "augment_shadow": 0.0,
    "augment_noise": 0.0,
    "augment_jpeg": 0.0,
}


@pytest.fixture(autouse=True)
def _same_chance_each_time():
    tf.random.set_seed(1)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def faces(rng):
    """64 random (patches with margin, points)."""
    patches = rng.integers(0, 256, (64, WIDTH, WIDTH, 3), np.uint8)
    return patches, rng.uniform(0.1, 0.9, (64, 68, 2)).astype(np.float32)


def middle_of(patches):
    return patches[:, MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.float32)


def warp(patches, points, size=SIZE, rotate=0.0, scale=0.0, shift=0.0, flip=False):
    results = augment.warp(
        patches, points, size, rotate, scale, shift, flip, IBUG68.mirror
    )
    return [result.numpy() for result in results]


def warp_points(points, **strengths):
    """Warps points alone, on tiny patches."""
    patches = np.zeros((len(points), 4, 4, 3), np.float32)
    return warp(patches, np.float32(points), size=4, **strengths)[1]


def share(condition):
    """Share of images, (B, N, N, 3), in which the condition holds anywhere."""
    return condition.any(axis=(1, 2, 3)).mean()


# Where: the warp.


def draw_dots(points):
    """Draws a soft dot at both outer eye corners and the nose, each in a channel."""
    grid = (np.arange(WIDTH) - MARGIN + 0.5) / SIZE
    x, y = np.split(points[:, [RIGHT_EYE, LEFT_EYE, NOSE]], 2, axis=-1)
    across = np.exp(-(((grid - x) * SIZE / 2) ** 2) / 2)
    down = np.exp(-(((grid - y) * SIZE / 2) ** 2) / 2)
    return np.einsum("bch,bcw->bhwc", down, across).astype(np.float32) * 255


def find_dots(images):
    """Returns the centroid of each channel: (B, 3, 2), crop-normalised."""
    cells = (np.arange(SIZE) + 0.5) / SIZE
    weights = images / images.sum(axis=(1, 2), keepdims=True)
    x = np.einsum("bhwc,w->bc", weights, cells)
    y = np.einsum("bhwc,h->bc", weights, cells)
    return np.stack([x, y], -1)


def turns_right(triangles):
    """Whether the corners of each triangle, (B, 3, 2), run clockwise."""
    a, b = np.moveaxis(triangles[:, 1:] - triangles[:, :1], 1, 0)
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0


@pytest.mark.parametrize(
    "strengths",
    [
        {"rotate": 40.0},
        {"scale": 0.1},
        {"shift": 0.08},
        {"flip": True},
        {"rotate": 40.0, "scale": 0.1, "shift": 0.03, "flip": True},
    ],
    ids=["rotate", "scale", "shift", "flip", "all"],
)
def test_pixels_and_points_move_together(rng, strengths):
    points = rng.uniform(0, 1, (64, 68, 2)).astype(np.float32)
    places = np.array([(0.42, 0.45), (0.58, 0.45), (0.5, 0.58)])
    points[:, [RIGHT_EYE, LEFT_EYE, NOSE]] = places + rng.uniform(-0.02, 0.02, (3, 2))
    images, moved = warp(draw_dots(points), points, **strengths)
    dots = find_dots(images)
    mirrored = ~turns_right(dots)
    assert 0.25 < mirrored.mean() < 0.75 if "flip" in strengths else not mirrored.any()
    # The dot at the right eye lies at the left eye of a mirrored face.
    straight = moved[:, [RIGHT_EYE, LEFT_EYE, NOSE]]
    crossed = moved[:, [LEFT_EYE, RIGHT_EYE, NOSE]]
    expected = np.where(mirrored[:, None, None], crossed, straight)
    np.testing.assert_allclose(dots * SIZE, expected * SIZE, rtol=0, atol=0.3)
    assert np.abs(moved - points).max() * SIZE > 3


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_warp_of_no_strength_takes_the_middle(faces, dtype):
    patches, points = faces
    images, moved = warp(patches.astype(dtype), points)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, middle_of(patches))
    np.testing.assert_allclose(moved, points, rtol=0, atol=1e-6)


def test_warp_moves_into_the_margin(faces):
    images, _ = warp(np.full_like(faces[0], 9), faces[1], shift=0.08)
    assert (images == 9).all()
    without = np.full((64, SIZE, SIZE, 3), 9, np.uint8)
    images, _ = warp(without, faces[1], shift=0.08)
    assert share(images == 0) > 0.9  # Beyond the patch it is black.


def test_half_are_mirrored_and_their_points_renamed(faces):
    patches, points = faces
    images, moved = warp(patches, points, flip=True)
    middle = middle_of(patches)
    kept = (images == middle).all(axis=(1, 2, 3))
    assert 0.25 < kept.mean() < 0.75
    np.testing.assert_array_equal(images[~kept], middle[~kept, :, ::-1])
    np.testing.assert_allclose(moved[kept], points[kept], rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        moved[~kept], geometry.flip_points(points[~kept]), rtol=0, atol=1e-6
    )


def test_mirrored_twice_is_nothing(faces):
    points = faces[1]
    middle = middle_of(faces[0])
    once, points_once = warp(middle, points, flip=True)
    twice, points_twice = warp(once, points_once, flip=True)
    first, second = (
        (after != before).any(axis=(1, 2, 3))
        for before, after in ((middle, once), (once, twice))
    )
    both = first & second
    assert both.sum() > 5
    np.testing.assert_array_equal(twice[both], middle[both])
    np.testing.assert_allclose(points_twice[both], points[both], rtol=0, atol=1e-6)


def test_scale_is_as_asked():
    points = np.full((2000, 68, 2), (0.9, 0.3))
    # A crop of twice the size shows the face at half its own.
    logs = -np.log((warp_points(points, scale=0.2) - 0.5) / (points - 0.5))
    assert np.ptp(logs, axis=(1, 2)).max() < 1e-4  # The face keeps its shape.
    assert logs.mean() == pytest.approx(0, abs=0.02)
    assert logs.std() == pytest.approx(0.2, rel=0.1)


def test_shift_is_as_asked(rng):
    points = rng.uniform(0, 1, (2000, 68, 2))
    shifts = warp_points(points, shift=0.05) - points
    assert np.ptp(shifts, axis=1).max() < 1e-5  # All points of a face go together.
    np.testing.assert_allclose(shifts[:, 0].mean(axis=0), 0, atol=0.006)
    np.testing.assert_allclose(shifts[:, 0].std(axis=0), 0.05, rtol=0.1)
    assert abs(np.corrcoef(shifts[:, 0].T)[0, 1]) < 0.1  # x and y go their own ways.


def test_rotation_is_as_asked():
    points = np.full((4000, 68, 2), (0.9, 0.5))
    x, y = (warp_points(points, rotate=10.0)[:, 0] - 0.5).T
    np.testing.assert_allclose(np.hypot(x, y), 0.4, rtol=1e-5)
    degrees = np.degrees(np.arctan2(y, x))
    assert np.abs(degrees).max() <= 60
    assert degrees.mean() == pytest.approx(0, abs=0.8)
    # 85 % have a variance of 10^2; 15 %, uniform to +-30, of 30^2 / 3.
    assert degrees.std() == pytest.approx(np.sqrt(0.85 * 100 + 0.15 * 300), rel=0.1)


# In what light, how clear.


@pytest.mark.parametrize(
    "change",
    [
        augment.make_gray,
        augment.change_light,
        augment.blur,
        augment.add_noise,
        augment.occlude,
        augment.shade,
        augment.compress,
    ],
    ids=lambda change: change.__name__,
)
def test_strength_zero_changes_nothing(faces, change):
    images = middle_of(faces[0])
    np.testing.assert_allclose(change(images, 0.0), images, rtol=0, atol=1e-3)


def test_everything_off_takes_the_middle(faces, make_settings):
    patches, points = faces
    images, moved = augment.augment(patches, points, SIZE, make_settings(**ALL_OFF))
    np.testing.assert_array_equal(images, middle_of(patches))
    np.testing.assert_allclose(moved, points, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"augment_gray": 1.0},
        {"augment_light": 0.2},
        {"augment_blur": 1.0},
        {"augment_occlusion": 1.0},
        {"augment_shadow": 1.0},
        {"augment_noise": 10.0},
        {"augment_jpeg": 1.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_light_and_dirt_leave_the_points(faces, make_settings, changes):
    patches, points = faces
    settings = make_settings(**(ALL_OFF | changes))
    images, moved = augment.augment(patches, points, SIZE, settings)
    assert images.shape == (64, SIZE, SIZE, 3)
    assert images.dtype == np.float32
    assert share(images.numpy() != middle_of(patches)) > 0.3
    np.testing.assert_allclose(moved, points, rtol=0, atol=1e-6)


def test_augmented_pixels_are_bytes(faces, make_settings):
    settings = make_settings(augment_light=1.0, augment_noise=40.0)
    images, _ = augment.augment(*faces, SIZE, settings)
    assert np.isin(images, np.arange(256)).all()
    assert np.isin([0, 255], images).all()


def test_light_changes_brightness_and_colour_of_whole_images():
    images = augment.change_light(np.full((1000, 2, 2, 3), 100.0, np.float32), 0.2)
    assert np.ptp(images, axis=(1, 2)).max() < 1e-3
    colours = images[:, 0, 0].numpy()
    # Brightness: +-20 grey levels; the cast of each channel: +-10 % of about 100.
    np.testing.assert_allclose(colours.mean(axis=0), 100, atol=3)
    np.testing.assert_allclose(colours.std(axis=0), np.hypot(20, 10), rtol=0.15)
    casts = np.log(colours[:, 0] / colours[:, 1])
    assert casts.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.15)


def test_light_changes_saturation():
    images = np.zeros((1000, 2, 2, 3), np.float32) + np.float32([90, 100, 110])
    images[:, 0] = 100  # Grey, so that it shows the cast alone.
    images = augment.change_light(images, 0.2).numpy()
    differences = images[:, 1] - images[:, 0]
    # The red and blue of the coloured row were off by -10 and 10.
    saturation = differences[:, 0, [0, 2]] / (-10, 10)
    # On average 1 - 0.2 / 2; from 0.4 to 1.4, times contrast and cast.
    assert saturation.mean() == pytest.approx(0.9, abs=0.06)
    assert np.quantile(saturation, 0.05) < 0.55
    assert np.quantile(saturation, 0.95) > 1.25


def test_light_changes_contrast():
    images = np.full((1000, 2, 2, 3), 120.0, np.float32)
    images[:, 0] = 80
    images = augment.change_light(images, 0.2).numpy()
    contrasts = np.log((images[:, 1, 0] - images[:, 0, 0]) / 40)
    # Of contrast, 0.2, and cast, 0.1.
    np.testing.assert_allclose(contrasts.std(axis=0), np.hypot(0.2, 0.1), rtol=0.15)


def test_gray_is_the_mean_of_the_channels():
    images = np.full((1000, 2, 2, 3), (10.0, 20.0, 60.0), np.float32)
    changed = augment.make_gray(images, 0.3).numpy()
    gray = np.isclose(changed, 30).all(axis=(1, 2, 3))
    assert gray.mean() == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(changed[~gray], images[~gray])


@pytest.mark.parametrize("size", [56, 112])
def test_blur_is_a_gaussian_of_some_width(size):
    images = np.zeros((1, size, size, 3), np.float32)
    images[0, 20, 30] = 16, 32, 48
    offsets = np.arange(size)
    deviations = []
    blur = tf.function(lambda: augment.blur(images, 1.0))
    for _ in range(200):
        found = blur().numpy()[0]
        np.testing.assert_allclose(found.sum(axis=(0, 1)), (16, 32, 48), rtol=1e-4)
        np.testing.assert_allclose(found[..., 2], 3 * found[..., 0], atol=1e-4)
        for axis, centre in ((1, 20), (0, 30)):
            profile = found[..., 0].sum(axis=axis) / 16
            assert profile @ offsets == pytest.approx(centre, abs=1e-3)
            deviations.append(np.sqrt(profile @ (offsets - centre) ** 2))
    # Uniform from a quarter of the largest; wide tails are cut.
    largest = size / 56
    assert 0.85 * largest < max(deviations) < largest
    assert min(deviations) < 0.3 * largest
    assert np.mean(deviations) == pytest.approx(0.6 * largest, rel=0.1)


def test_blur_keeps_plain_images_up_to_their_border():
    images = np.full((2, 6, 6, 3), 200, np.float32)
    np.testing.assert_allclose(augment.blur(images, 1.0), images, rtol=1e-5)


@pytest.mark.parametrize("change", [augment.blur, augment.occlude, augment.shade])
def test_share_of_blurred_occluded_and_shaded_images(rng, change):
    images = rng.uniform(-9, -1, (1000, 40, 40, 3)).astype(np.float32)
    assert share(change(images, 0.3).numpy() != images) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("change", [augment.occlude, augment.shade])
def test_seed_and_step_decide_what_is_occluded_and_shaded(faces, change):
    images = middle_of(faces[0])

    def draw(seed, step):
        return change(images, 0.5, augment.Draws(seed, tf.constant(step, tf.int64)))

    first = draw(7, 5).numpy()
    np.testing.assert_array_equal(draw(7, 5), first)
    assert share(draw(7, 6).numpy() != first) > 0.3
    assert share(draw(8, 5).numpy() != first) > 0.3


# Image by image, which is slow without a graph.
compress = tf.function(augment.compress)


def test_jpeg_keeps_what_is_smooth_and_coarsens_what_is_not(rng):
    ramp = np.linspace(0, 255, 16, dtype=np.float32)
    smooth = np.broadcast_to(ramp[None, :, None, None], (100, 16, 16, 3))
    rough = rng.integers(0, 256, (100, 16, 16, 3)).astype(np.float32)
    smooth_error = np.abs(compress(smooth, 1.0) - smooth)
    rough_error = np.abs(compress(rough, 1.0) - rough)
    assert smooth_error.mean() < 4
    assert rough_error.mean() > 15
    assert (rough_error.mean(axis=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_jpeg_may_choose_none_and_all(faces, wrap, probability):
    images = middle_of(faces[0])
    changed = wrap(augment.compress)(images, probability).numpy()
    assert share(changed != images) == probability


def test_share_of_compressed_images(rng):
    images = rng.integers(0, 256, (1000, 16, 16, 3)).astype(np.float32)
    changed = compress(images, 0.3).numpy() != images
    assert share(changed) == pytest.approx(0.3, abs=0.06)


def test_shadow_darkens_one_side():
    images = np.full((500, 32, 32, 3), (50.0, 100.0, 200.0), np.float32)
    found = augment.shade(images, 1.0).numpy()
    kept = found[..., 1] / 100
    np.testing.assert_allclose(found, images * kept[..., None], rtol=1e-5)
    lightest, darkest = kept.max(axis=(1, 2)), kept.min(axis=(1, 2))
    assert lightest.max() <= 1
    assert (lightest > 0.95).mean() > 0.8
    assert darkest.min() > 0.1
    assert (darkest < 0.65).mean() > 0.95
    dark = kept < (lightest + darkest)[:, None, None] / 2
    assert dark.mean() == pytest.approx(0.5, abs=0.05)
    grid = np.mgrid[:32, :32].reshape(2, -1).T
    centres = [
        where.reshape(500, -1) @ grid / where.sum(axis=(1, 2))[:, None]
        for where in (dark, ~dark)
    ]
    away = centres[0] - centres[1]
    assert np.hypot(*away.T).min() > 10
    # From any side.
    assert np.histogram(np.arctan2(*away.T), 4, (-np.pi, np.pi))[0].min() > 80


def test_shadow_is_not_even_drawn_unless_asked_for(faces, make_settings, monkeypatch):
    assert make_settings().augment_shadow == 0

    def draw():
        draws = augment.Draws(1, tf.constant(2, tf.int64))
        return augment.augment(*faces, SIZE, make_settings(), draws)[0].numpy()

    before = draw()
    monkeypatch.setattr(augment, "shade", None)
    np.testing.assert_array_equal(draw(), before)


def test_half_of_the_images_are_noisy():
    noise = augment.add_noise(np.zeros((400, 16, 16, 3), np.float32), 10.0).numpy()
    deviations = noise.std(axis=(1, 2, 3))
    assert (deviations > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert 9 < deviations.max() < 11
    assert deviations[deviations > 0].mean() == pytest.approx(5, abs=0.8)

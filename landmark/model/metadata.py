"""landmark.json: what a .tflite says of itself, in a buffer of its metadata.

    version        1
    scheme         name, points, chains (name -> indices), closed (names of chains),
                   mirror; and definition, all of it as a scheme's file has it
    input_size     side of the patches, in pixels
    colors         RGB, or gray: 0.299 R + 0.587 G + 0.114 B
    scale, offset  a pixel's level x enters a float input as x * scale + offset; one of
                   8 bits takes the level itself
    extension      by which share the crop is larger than the detector's box, or null
    margin         around the crop in training, as a fraction of it, or null
    confidence     null for models that do not tell, else sharpest_spread: a face's
                   confidence is this over the mean of the output `spread`, at most 1;
                   and where they were measured error_per_spread, a number for each
                   point: the error to expect is this times its `spread`

Who reads it keeps what else it holds. A program on a phone needs no more than this to
crop and draw as the toolkit does.

References:
    The metadata of TensorFlow Lite's schema.fbs: named buffers, for any use.
"""

import json
from typing import NamedTuple

from landmark.face.scheme import IBUG68, Scheme, scheme_of_reference
from landmark.files.notes import is_number, read_share, shorten
from landmark.model.locate import TFLITE_MARK
from landmark.script.errors import InputError

NAME = "landmark.json"
FACTORS = "error_per_spread"
LARGEST_FACTOR = 1000.0  # Beyond it, an error in pixels says nothing any more.
_VERSION = 1


class Metadata(NamedTuple):
    """What the toolkit itself uses of landmark.json.

    Attributes:
        scheme: Scheme of the points.
        extension: by which share the crop is larger than the detector's box; None where
            it is not known.
        margin: around the crop in training, as a fraction of it; None likewise.
        sharpest_spread: see the head of this module; None for models that do not tell.
        error_per_spread: tuple of P floats, likewise; None where it is not known.
    """

    scheme: Scheme = IBUG68
    extension: float | None = None
    margin: float | None = None
    sharpest_spread: float | None = None
    error_per_spread: tuple[float, ...] | None = None


def describe(metadata, input_size, is_color):
    """Returns landmark.json as a dict.

    Args:
        metadata: Metadata.
        input_size: side of the patches, in pixels.
        is_color: whether the model sees their colours.
    """
    scheme, sharpest = metadata.scheme, metadata.sharpest_spread
    factors = metadata.error_per_spread
    told = {} if factors is None else {FACTORS: list(factors)}
    return {
        "version": _VERSION,
        "scheme": {
            "name": scheme.name,
            "points": scheme.num_points,
            "chains": {name: i.tolist() for name, i in scheme.chains.items()},
            "closed": sorted(scheme.closed),
            "mirror": scheme.mirror.tolist(),
            "definition": scheme.definition,
        },
        "input_size": input_size,
        "colors": "RGB" if is_color else "gray",
        "scale": 1 / 128,
        "offset": -1.0,
        "extension": metadata.extension,
        "margin": metadata.margin,
        "confidence": sharpest and {"sharpest_spread": sharpest, **told},
    }


def parse(note, place):
    """Returns the Metadata of a landmark.json.

    Args:
        note: dict, as `describe` makes it.
        place: of the file, for errors.

    Raises:
        InputError: it is another note, of a later version, or one whose scheme or
            factors are broken.
    """
    try:
        version = note["version"]
        reference = note["scheme"]["definition"]
        if not isinstance(reference, str):
            raise TypeError(reference)
        confidence = note["confidence"]
        sharpest = factors = None
        if confidence is not None:
            sharpest, factors = confidence["sharpest_spread"], confidence.get(FACTORS)
        numbers = [read_share(n) for n in (note["extension"], note["margin"], sharpest)]
        if sharpest == 0:
            raise ValueError(sharpest)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{place}: expected the {NAME} of save_with_bnorm_off.py in it, found "
            "another note"
        ) from error
    if version != _VERSION:
        raise InputError(
            f"{place}: expected {NAME} of version {_VERSION}, found version "
            f"{shorten(version)}"
        )
    scheme = scheme_of_reference(reference, place)
    return Metadata(scheme, *numbers, _read_factors(factors, scheme, place))


def _read_factors(factors, scheme, place):
    """Returns the factors of a note as a tuple of floats; None if it has none."""
    if factors is None:
        return None
    is_of_scheme = isinstance(factors, list) and len(factors) == scheme.num_points
    if not is_of_scheme or not all(
        is_number(factor) and 0 <= factor <= LARGEST_FACTOR for factor in factors
    ):
        raise InputError(
            f"{place}: expected {scheme.num_points} numbers from 0 to "
            f"{LARGEST_FACTOR:g} as the {FACTORS} of its {NAME}, found "
            f"{shorten(factors)}"
        )
    return tuple(map(float, factors))


def read_note(content, place):
    """Returns the landmark.json of a .tflite as a dict; None if it has none.

    Args:
        content: bytes of the file.
        place: of the file, for errors.

    Raises:
        InputError: it is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.Model.GetRootAs(content)
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            if entry.Name() == NAME.encode():
                buffer = model.Buffers(entry.Buffer())
                return json.loads(buffer.DataAsNumpy().tobytes())
    except Exception as error:  # flatbuffers raises what its reading runs into.
        raise InputError(
            f"{place}: expected a whole .tflite, found its metadata damaged"
        ) from error
    return None


def write_note(content, note):
    """Returns the bytes of a .tflite with a landmark.json; one it had is replaced.

    Args:
        content: bytes of the file.
        note: dict.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    model.metadata = model.metadata or []
    entry = next((e for e in model.metadata if e.name == NAME.encode()), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = NAME.encode(), len(model.buffers)
        model.metadata.append(entry)
        model.buffers.append(schema.BufferT())
    model.buffers[entry.buffer].data = list(json.dumps(note).encode())
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), TFLITE_MARK)
    return bytes(builder.Output())

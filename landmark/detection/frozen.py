"""The SSD face detector: a frozen TensorFlow graph.

A graph is a program. Those of strangers are run, so only operations that calculate are
let in, and none may take longer than a minute for a photo.

Two families of graphs are known, told apart by the names of their tensors: those of the
TensorFlow Object Detection API and those that follow FaceBoxes. Both take a batch of
uint8 RGB images and return boxes as (ymin, xmin, ymax, xmax), 0..1 over the image,
after non-maximum suppression.
"""

import cv2
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from landmark.detection.found import check_found
from landmark.files import disk
from landmark.script.errors import InputError

_INPUT = "image_tensor"
_OUTPUT_SCHEMES = (
    ("detection_boxes", "detection_scores", "num_detections"),
    ("boxes", "scores", "num_boxes"),
)
_MILLISECONDS = 60_000  # For one photo; a loop may not end by itself.
# What SSD graphs, those of the Object Detection API and of quantised training among
# them, are made of. None of these reads or writes files, or runs what is not here.
_ALLOWED = frozenset(
    """
    Abs Add AddN AddV2 All Any ArgMax Assert AvgPool BatchToSpaceND BiasAdd BroadcastTo
    Cast Ceil ClipByValue CombinedNonMaxSuppression Concat ConcatV2 Const Conv2D
    CropAndResize DepthToSpace DepthwiseConv2dNative Div EnsureShape Enter Equal Exit
    Exp ExpandDims FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual
    Identity IdentityN LeakyRelu Less LessEqual Log LogicalAnd LogicalNot LogicalOr
    LoopCond MatMul Max MaxPool Maximum Mean Merge Min Minimum MirrorPad Mul Neg
    NextIteration NoOp NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
    NonMaxSuppressionV4 NonMaxSuppressionV5 NotEqual OnesLike Pack Pad PadV2 Placeholder
    PlaceholderWithDefault Pow Prod Range Rank RealDiv Relu Relu6 Reshape ResizeArea
    ResizeBilinear ResizeNearestNeighbor ReverseV2 Round Rsqrt ScatterNd Select SelectV2
    Shape Sigmoid Size Slice Softmax SpaceToBatchND Split SplitV Sqrt Square
    SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Switch Tanh
    TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3
    TensorArrayV3 TensorArrayWriteV3 Tile TopK TopKV2 Transpose Unique UniqueV2 Unpack
    Where ZerosLike
    """.split()  # noqa: SIM905
)


def _refuse_strange_operations(path, graph_def):
    """Refuses a graph that does more than to calculate.

    Functions are refused as a whole: frozen graphs have none.
    """
    found = sorted({node.op for node in graph_def.node} - _ALLOWED)
    if len(graph_def.library.function):
        found.append("functions")
    if found:
        raise InputError(
            f"{path}: expected a frozen graph (.pb) of operations that SSD detectors "
            f"are made of, found {', '.join(found[:5])}"
        )


def _read_graph(path):
    content = disk.require_file(path).read_bytes()
    try:
        graph_def = tf.compat.v1.GraphDef.FromString(content)
        _refuse_strange_operations(path, graph_def)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
    except InputError:
        raise
    except (DecodeError, ValueError, TypeError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: expected a frozen graph (.pb), found: {reason}"
        ) from error
    return graph


def _find_outputs(path, graph):
    """Returns the names of the boxes, the scores and the count in this graph."""
    names = {operation.name for operation in graph.get_operations()}
    for scheme in _OUTPUT_SCHEMES:
        if names.issuperset((_INPUT, *scheme)):
            return scheme
    used = {tensor.op.name for op in graph.get_operations() for tensor in op.inputs}
    ends = [
        operation.name
        for operation in graph.get_operations()
        if operation.type == "Placeholder" or operation.name not in used
    ]
    schemes = " or ".join(", ".join(scheme) for scheme in _OUTPUT_SCHEMES)
    raise InputError(
        f"{path}: expected an SSD graph with {_INPUT} and {schemes}, "
        f"found inputs and outputs {', '.join(ends[:20])}"
    )


class FaceDetector:
    """Finds faces in photos.

    Args:
        path: frozen graph (.pb).
        input_size: photos are resized to this many pixels, squared, for the detector;
            0 = as the graph asks: its fixed size, or the photo itself.
        min_conf: detections below this score are dropped.

    Raises:
        InputError: the file is missing, is no graph, or has no tensors of a known
            scheme.
    """

    def __init__(self, path, input_size=0, min_conf=0.3):
        self._path = path
        graph = _read_graph(path)
        self._outputs = [f"{name}:0" for name in _find_outputs(path, graph)]
        self._min_conf = min_conf
        image_tensor = graph.get_tensor_by_name(f"{_INPUT}:0")
        self._dtype = image_tensor.dtype.as_numpy_dtype
        height, width = (
            image_tensor.shape[1:3] if image_tensor.shape.rank else (None, None)
        )
        self._input_size = (input_size, input_size) if input_size else (width, height)
        self._session = tf.compat.v1.Session(graph=graph)

    def detect(self, image):
        """Finds the faces of one photo.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            boxes: (n, 4) float64, image pixels, best score first.
            scores: (n,) float64, all at least min_conf.

        Raises:
            InputError: the graph does not do what a detector does.
        """
        height, width = image.shape[:2]
        if None not in self._input_size:
            image = cv2.resize(image, self._input_size, interpolation=cv2.INTER_AREA)
        batch = image[None].astype(self._dtype)
        boxes, scores = self._run(batch)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self._min_conf]
        # From fractions of the photo to edges in the frame of pixel centres.
        edges = boxes[order][:, [1, 0, 3, 2]] * (width, height, width, height) - 0.5
        return edges, scores[order]

    def _run(self, batch):
        """Returns (boxes, scores) of a batch of one, as the graph gives them."""
        options = tf.compat.v1.RunOptions(timeout_in_ms=_MILLISECONDS)
        feed = {f"{_INPUT}:0": batch}
        try:
            found = self._session.run(self._outputs, feed, options)
            with np.errstate(invalid="ignore"):  # What is nan is refused below.
                found = [np.asarray(part[0], np.float64) for part in found]
            boxes, scores, count = found
            count = int(count)
            if count < 0:
                raise ValueError(f"{count} boxes")
            boxes, scores = boxes[:count], scores[:count]  # If they are lists at all.
        except (
            *(tf.errors.OpError, ValueError, TypeError, IndexError, OverflowError),
        ) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{self._path}: expected a graph that finds faces, found: {reason}"
            ) from error
        check_found(boxes, scores, self._path)
        return boxes, scores

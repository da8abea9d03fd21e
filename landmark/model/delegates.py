"""Which operators of a .tflite a phone's faster runtimes take over, its delegates.

XNNPACK is that of the CPU, and on unless it is turned off: it is asked by a run. The
GPU's cannot be run here; it goes by a list. Where a graph goes back and forth between a
delegate and the rest, the copies cost more than they save.

TensorFlow's own analyser (`tf.lite.experimental.Analyzer`) has been built without its
check for the GPU: 2.21 finds every model compatible.

References:
    What TensorFlow's GPU delegate takes: tensorflow/lite/tools/versioning/
    gpu_compatibility.cc. It looks at shapes and options, too; this at names alone.
"""

from landmark.model.tflite import interpret, read_tflite
from landmark.script.words import count

_PART = "DELEGATE"  # The operator that stands for what a delegate takes.
_TAKEN_BY_GPU = (
    "ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D "
    "COS CUMSUM DENSIFY DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV "
    "DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD "
    "FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS "
    "LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM "
    "MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE "
    "REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE "
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE "
    "SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE "
    "STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV"
)


def examine(path, shape=None):
    """Returns what delegates make of a .tflite, ready for JSON.

    Args:
        path: the file.
        shape: of its input, where that is open.

    Returns:
        dict: `operators`, their number; `xnnpack_parts`, in how many pieces XNNPACK
        takes them, and `not_xnnpack`, the names of those that it does not; `not_gpu`,
        the names of those that the GPU delegate does not.

    Raises:
        InputError: it is no .tflite.
    """
    interpreter = interpret(read_tflite(path), path)
    if shape:
        image = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(image, shape)
        interpreter.allocate_tensors()
    listed = interpreter._get_ops_details()
    parts = [operator for operator in listed if operator["op_name"] == _PART]
    operators = [operator for operator in listed if operator["op_name"] != _PART]
    names = [operator["op_name"] for operator in operators]
    taken = _find_taken(operators, parts)
    left = {name for i, name in enumerate(names) if i not in taken}
    return {
        "operators": len(operators),
        "xnnpack": len(taken),
        "xnnpack_parts": len(parts),
        "not_xnnpack": sorted(left),
        "not_gpu": sorted(set(names) - set(_TAKEN_BY_GPU.split())),
    }


def describe(told):
    """Returns in half a sentence what `examine` found."""
    left, refused = told["not_xnnpack"], told["not_gpu"]
    return (
        f"XNNPACK runs {told['xnnpack']} of {count(told['operators'], 'operator')}"
        + (f" (not {', '.join(left)})" if left else "")
        + f" in {count(told['xnnpack_parts'], 'part')}, the GPU delegate "
        + (f"all but {', '.join(refused)}" if refused else "all")
    )


def _find_taken(operators, parts):
    """Returns the indices of the operators that lie within parts.

    An interpreter lists all operators as they were, and the parts behind them: what
    leads from the inputs of a part to its outputs is in it.
    """
    makers = {
        tensor: index
        for index, operator in enumerate(operators)
        for tensor in operator["outputs"]
    }
    taken = set()
    for part in parts:
        waiting, inputs = list(part["outputs"]), set(part["inputs"])
        while waiting:
            tensor = waiting.pop()
            index = makers.get(tensor)
            if tensor not in inputs and index is not None and index not in taken:
                taken.add(index)
                waiting.extend(operators[index]["inputs"])
    return taken

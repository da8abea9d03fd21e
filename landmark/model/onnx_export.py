"""From a checkpoint to ONNX: freeze, convert by tf2onnx, and quantise as it was.

The fake quantisation of the activations becomes pairs of QuantizeLinear and
DequantizeLinear in tf2onnx; that of the weights is computed away there. They are put
back as bytes here, and biases as 32 bits, so that a runtime may compute in integers, by
the ranges that the .tflite has.

References:
    ONNX operators QuantizeLinear and DequantizeLinear. onnxruntime, Quantize ONNX
    models: where a processor lacks VNNI, products of unsigned and signed bytes are cut
    at 16 bits; those of unsigned ones are not.
"""

import json

import numpy as np
import tensorflow as tf

from landmark.model import metadata
from landmark.model.onnx_model import require_packages
from landmark.script.quiet import quiet_stderr

v1 = tf.compat.v1

_OPSET = 17  # Of 2022; older runtimes are rare, and nothing newer is needed.
_MIDDLE = 128  # The level of a weight of 0, of unsigned bytes.
_LARGEST_BIAS = 2**30  # In its levels of 32 bits.


def convert(checkpoint_model, note):
    """Returns a checkpoint's model as the bytes of an .onnx.

    Args:
        checkpoint_model: CheckpointModel of any batch size, in mode FLOAT; or INFER,
            for a model of 8 bits.
        note: landmark.json, a dict, see `metadata`; it stands in its metadata_props.

    Returns:
        bytes; `image`, (batch, N, N, 3 or 1) float32 (of 8 bits: uint8 grey levels), to
        `points`, (batch, 2 P) float32 crop-normalised x0 y0 x1 y1 ..., and of networks
        that know it `spread`, (batch, P) float32.

    Raises:
        InputError: a package is missing.
    """
    require_packages()
    with quiet_stderr():
        model = _convert_graph(checkpoint_model)
    import onnx

    graph = model.graph
    constants = _Constants(graph)
    nodes = _fold_batch_norm(graph.node, constants)
    if nodes[0].op_type == "QuantizeLinear":
        # Bytes come in; who has them need not scale them first.
        nodes[1].input[0] = graph.input[0].name
        graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
        nodes = _quantize_layers(nodes[1:], constants)
    constants.remove_unused(nodes)
    del graph.node[:]
    graph.node.extend(nodes)
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(model, {metadata.NAME: json.dumps(note)})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _convert_graph(checkpoint_model):
    """Returns what tf2onnx makes of a CheckpointModel's graph, an onnx.ModelProto."""
    import tf2onnx

    session, outputs = checkpoint_model.session, checkpoint_model.outputs
    frozen = v1.graph_util.convert_variables_to_constants(
        session,
        session.graph.as_graph_def(),
        [tensor.op.name for tensor in outputs.values()],
    )
    names = {checkpoint_model.images.name: "image"}
    names |= {tensor.name: name for name, tensor in outputs.items()}
    return tf2onnx.convert.from_graph_def(
        frozen,
        input_names=[checkpoint_model.images.name],
        output_names=[tensor.name for tensor in outputs.values()],
        opset=_OPSET,
        tensors_to_rename=names,
    )[0]


class _Constants:
    """The constants of an onnx graph, read and added to by their names."""

    def __init__(self, graph):
        self._tensors = graph.initializer
        self._by_name = {tensor.name: tensor for tensor in graph.initializer}

    def read(self, name):
        import onnx

        return onnx.numpy_helper.to_array(self._by_name[name])

    def add(self, name, values):
        import onnx

        self._by_name[name] = onnx.numpy_helper.from_array(values, name)

    def remove_unused(self, nodes):
        used = {name for node in nodes for name in node.input}
        del self._tensors[:]
        self._tensors.extend(
            self._by_name[name] for name in self._by_name if name in used
        )


def _find_makers(nodes):
    """Returns name of a tensor -> the node that it comes from."""
    return {name: node for node in nodes for name in node.output}


def _fold_batch_norm(nodes, constants):
    """Returns nodes without the batch norm that tf2onnx left beside convolutions.

    Of images of one pixel it makes a reshape in between, and does not see through it.
    """
    makers, kept, same = _find_makers(nodes), [], {}
    for node in nodes:
        for index, name in enumerate(node.input):
            node.input[index] = same.get(name, name)
        if node.op_type != "BatchNormalization":
            kept.append(node)
            continue
        gamma, beta, mean, variance = map(constants.read, node.input[1:])
        (epsilon,) = (a.f for a in node.attribute if a.name == "epsilon")
        factor = gamma / np.sqrt(variance + np.float32(epsilon))
        convolution = _find_maker(node, makers, "Conv")
        weights, *biases = map(constants.read, convolution.input[1:])
        bias = sum(biases, -mean) * factor + beta
        folded = weights * factor[:, None, None, None], bias
        names = [f"{convolution.name}/folded_{part}" for part in ("weights", "biases")]
        for name, values in zip(names, folded, strict=True):
            constants.add(name, values)
        convolution.input[1:] = names
        same[node.output[0]] = node.input[0]
    return kept


def _quantize_layers(nodes, constants):
    """Returns nodes of quantised activations with layers that read bytes, too."""
    makers, written = _find_makers(nodes), []
    for node in nodes:
        if node.op_type == "Conv":
            source = _find_maker(node, makers, "DequantizeLinear")
            written += _quantize_weights(
                node, constants.read(source.input[1]), constants
            )
        written.append(node)
    return written


def _find_maker(node, makers, kind):
    """Returns the node of a kind that another reads, through what moves values only."""
    while node.op_type != kind:
        node = makers[node.input[0]]
    return node


def _quantize_weights(convolution, input_scale, constants):
    """Has a convolution read its weights and biases as levels.

    Args:
        convolution: onnx node.
        input_scale: step of the levels of its input.
        constants: _Constants, to which the levels are added.

    Returns:
        list of the nodes that it reads them from.
    """
    import onnx

    _, weights_name, biases_name = convolution.input
    weights, biases = constants.read(weights_name), constants.read(biases_name)
    # 127 levels to either side of 0, by output channel, which comes first here.
    bounds = np.abs(weights).max(axis=(1, 2, 3)) / 127
    least = np.abs(biases) / input_scale / _LARGEST_BIAS  # A channel may be all zeros.
    scale = np.maximum(bounds, np.maximum(least, 1e-12)).astype(np.float32)
    levels = np.rint(weights / scale[:, None, None, None]) + _MIDDLE
    biases_scale = (scale * input_scale).astype(np.float32)
    readers = []
    for index, values, step, zero in (
        (1, levels.astype(np.uint8), scale, np.uint8(_MIDDLE)),
        (2, np.rint(biases / biases_scale).astype(np.int32), biases_scale, np.int32(0)),
    ):
        name = f"{convolution.name}/{('weights', 'biases')[index - 1]}"
        names = [f"{name}/levels", f"{name}/scale", f"{name}/zero"]
        zeros = np.full(len(step), zero, values.dtype)
        for part, array in zip(names, (values, step, zeros), strict=True):
            constants.add(part, array)
        readers.append(
            onnx.helper.make_node("DequantizeLinear", names, [name], name=name, axis=0)
        )
        convolution.input[index] = name
    return readers

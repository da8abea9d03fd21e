"""A trained model, rebuilt from its folder, in inference mode."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_slim as slim

from landmark.model import locate, nets, pixels, quantize, settings
from landmark.model.predicted import PointsModel, check_predicted
from landmark.script.errors import InputError

_BATCH_SIZE = 64
# What TensorFlow raises of a damaged checkpoint.
_READING_ERRORS = (tf.errors.OpError, ValueError, IndexError)


# What tf.train.ExponentialMovingAverage adds to the name of a variable.
_AVERAGE = "ExponentialMovingAverage"


def variables_in_checkpoint(variables, moving_average_decay):
    """Returns name in the checkpoint -> variable, for inference.

    Where moving averages were on, they are what a model variable is filled with.
    """
    if moving_average_decay is None:
        return {variable.op.name: variable for variable in variables}
    averages = tf.train.ExponentialMovingAverage(moving_average_decay)
    return {averages.average_name(variable): variable for variable in variables}


def read_shapes(checkpoint):
    """Returns name -> shape of the variables in a checkpoint.

    Raises:
        InputError: it is damaged.
    """
    try:
        return tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()
    except _READING_ERRORS as error:
        raise InputError(
            f"{checkpoint}: expected a whole checkpoint, found: {error}"
        ) from error


def find_damage(checkpoint):
    """Reads a checkpoint through; returns what is wrong with it, None if nothing is."""
    try:
        reader = tf.train.load_checkpoint(checkpoint)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:  # The reader raises what it runs into.
        return str(error).partition("\n")[0]
    return None


def is_quantized(checkpoint):
    """Whether a checkpoint holds the ranges of quantised activations."""
    return any(map(quantize.is_range, read_shapes(checkpoint)))


def _check_fit(checkpoint, variables):
    """Compares shapes first: what TensorFlow says of a misfit is a page long."""
    shapes = read_shapes(checkpoint)
    for name, variable in variables.items():
        found = shapes.get(name)
        if found != variable.shape.as_list():
            raise InputError(
                f"{checkpoint}: expected {name} of shape {variable.shape.as_list()} "
                f"by the {settings.FILE_NAME} beside it, "
                f"found {found or 'no such variable'}"
            )


def read_weights(path, variables, scheme=None):
    """Reads weights for variables of another training: averages, where there are any.

    Args:
        path: a checkpoint, or a folder of which the newest is taken.
        variables: those to read values for; ranges of activations may be missing.
        scheme: Scheme of the variables. Where the other training had another one, the
            variables that belong to its points are left out. None: it is the same.

    Returns:
        name of the variable -> array.

    Raises:
        InputError: no checkpoint, or it does not fit the variables.
    """
    checkpoint = locate.find_checkpoint(path)
    shapes, reader = read_shapes(checkpoint), tf.train.load_checkpoint(checkpoint)
    before = settings.read_data(Path(checkpoint).parent).scheme
    skipped = nets.HEADS if scheme and scheme != before else ()
    values = {}
    for variable in variables:
        name = variable.op.name
        if name.startswith(skipped):
            continue
        found = f"{name}/{_AVERAGE}" if f"{name}/{_AVERAGE}" in shapes else name
        if quantize.is_range(name) and found not in shapes:
            continue
        if shapes.get(found) != variable.shape.as_list():
            raise InputError(
                f"{checkpoint}: expected {name} of shape {variable.shape.as_list()} by "
                f"the settings of this training, found "
                f"{shapes.get(found) or 'no such variable'}"
            )
        try:
            values[name] = reader.get_tensor(found)
        except _READING_ERRORS as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{checkpoint}: expected a whole checkpoint, found: {reason}"
            ) from error
    return values


def assign(session, values):
    """Fills variables of a session, name -> array, and their moving averages."""
    with session.graph.as_default():
        variables = tf.compat.v1.global_variables()
    found = [(v, v.op.name.removesuffix(f"/{_AVERAGE}")) for v in variables]
    wanted = [(v, values[name]) for v, name in found if name in values]
    # An initialiser assigns its second input; feeding that adds nothing to the graph.
    feeds = {variable.initializer.inputs[1]: value for variable, value in wanted}
    session.run([variable.initializer for variable, _ in wanted], feeds)


def copy_weights(training_session, session, variables):
    """Fills the variables of an inference session from a training session.

    Args:
        training_session: to read from.
        session: to fill.
        variables: name in the training session -> variable, of
            `variables_in_checkpoint`.
    """
    with training_session.graph.as_default():
        trained = {v.op.name: v for v in tf.compat.v1.global_variables()}
    values = training_session.run({name: trained[name] for name in variables})
    assign(session, {v.op.name: values[name] for name, v in variables.items()})


def restore(saver, session, checkpoint):
    """Fills a session's variables from a checkpoint.

    Raises:
        InputError: it is damaged, or of another model.
    """
    try:
        saver.restore(session, checkpoint)
    except _READING_ERRORS as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{checkpoint}: expected a whole checkpoint of this model, found: {reason}"
        ) from error


class CheckpointModel(PointsModel):
    """A model rebuilt from a checkpoint and the settings file beside it.

    Args:
        path: a checkpoint, or a folder of which the newest is taken.
        batch_size: fixes the batch of the graph; None leaves it open.
        mode: quantize.Mode; None is INFER where the checkpoint holds ranges of
            quantised activations, else FLOAT. Other ranges are to be assigned.

    Attributes:
        checkpoint: path of the checkpoint.
        settings: TrainSettings.
        session: with the restored graph.
        variables: name in the checkpoint -> variable of the graph.
        images: its input, (B, N, N, 3 or 1) float32.
        outputs: name -> tensor. `points`, (B, 2 P) float32, crop-normalised x0 y0 x1 y1
            ...; of networks that know it `spread`, (B, P) float32, how unsure each
            point is, in crop units.
        data: TrainingData of its records.

    Raises:
        InputError: no checkpoint or settings, or they do not fit each other.
    """

    def __init__(self, path, batch_size=None, mode=None):
        self.checkpoint = locate.find_checkpoint(path)
        has_ranges = is_quantized(self.checkpoint)
        if mode is None:
            mode = quantize.Mode.INFER if has_ranges else quantize.Mode.FLOAT
        self.settings = settings.read_settings(Path(self.checkpoint).parent)
        self.data = settings.read_data(Path(self.checkpoint).parent)
        self._batch_size = batch_size or _BATCH_SIZE
        size, channels = self.settings.input_size, self.settings.channels
        with tf.Graph().as_default() as graph:
            self.images = tf.compat.v1.placeholder(
                tf.float32, [batch_size, size, size, channels], name="images"
            )
            points, end_points = nets.build_network(
                self.images, False, self.settings, mode
            )
            num_coordinates = self.scheme.num_coordinates
            self.outputs = {"points": tf.reshape(points, [-1, num_coordinates])}
            if "spread" in end_points:
                self.outputs["spread"] = end_points["spread"]
            self.variables = variables_in_checkpoint(
                [
                    variable
                    for variable in slim.get_model_variables()
                    if has_ranges or not quantize.is_range(variable.op.name)
                ],
                self.settings.moving_average_decay,
            )
            _check_fit(self.checkpoint, self.variables)
            self.session = tf.compat.v1.Session(graph=graph)
            saver = tf.compat.v1.train.Saver(self.variables)
            restore(saver, self.session, self.checkpoint)

    @property
    def scheme(self):
        """Scheme of the points."""
        return self.settings.scheme

    @property
    def extension(self):
        """By which share its crops are larger than a detector's box, or None."""
        return self.data.extension

    @property
    def input_size(self):
        """Side of the patches that the model takes, in pixels."""
        return self.settings.input_size

    def predict_with_spread(self, patches):
        """Predicts the points of patches, and how unsure they are.

        Args:
            patches: (B, N, N, 3) uint8 RGB, N = input_size.

        Returns:
            points: (B, P, 2) float32, crop-normalised.
            spread: (B, P) float32, crop units; nan of networks that do not know it.

        Raises:
            InputError: it gives no points, as its weights are broken.
        """
        scheme = self.scheme
        points = np.zeros((len(patches), scheme.num_coordinates), np.float32)
        spread = np.full((len(patches), scheme.num_points), np.nan, np.float32)
        for start in range(0, len(patches), self._batch_size):
            batch = slice(start, start + self._batch_size)
            images = patches[batch].astype(np.float32)
            images = pixels.to_network_input(images, self.settings.is_color)
            found = self.session.run(self.outputs, {self.images: images})
            points[batch] = found["points"]
            spread[batch] = found.get("spread", np.nan)
        points = points.reshape(-1, scheme.num_points, 2)
        told = spread if "spread" in self.outputs else None
        check_predicted(points, told, self.checkpoint)
        return points, spread

    def close(self):
        """Gives the session's memory back."""
        self.session.close()

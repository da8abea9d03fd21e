"""Training in several processes, in step: the same weights in each, and a share of
every batch.

Gradients are averaged over the processes in each step, by TensorFlow's collectives,
and so are the averages of batch norm (each process normalises its share by the share's
own statistics). The chief alone reads and writes the train_dir; the others begin with
its weights.

References:
    Goyal et al., Accurate, Large Minibatch SGD, 2017.
"""

import contextlib
import itertools

import tensorflow as tf

from landmark.script.errors import find_reason
from landmark.training import cluster
from landmark.training.cluster import ONE_PROCESS, ReplicaLost

v1 = tf.compat.v1

_GROUP = 1  # Of the collectives: there is but one, of all processes.
_LEADER = "/job:worker/replica:0/task:0"
# Of a step; the longest ones wait for the chief to validate. A machine that is gone
# without a word ends the wait.
_LONGEST_WAIT = 30 * 60 * 1000  # Milliseconds.
# What a step fails with where another process is gone, or has begun again.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


class Replicas:
    """The processes of a training, as one of them sees them.

    All build the same graphs, in the same order.

    Args:
        processes: Cluster; of one process, nothing here does anything.

    Attributes:
        count: number of processes.
        index: which of them this is.
        is_chief: whether it is the one that reads and writes the train_dir.
    """

    def __init__(self, processes=ONE_PROCESS):
        self._cluster = processes
        self.count, self.index = len(processes.addresses), processes.index
        self.is_chief = processes.is_chief
        self._keys = itertools.count(1)
        self._config = v1.ConfigProto()
        self._target = ""
        if self.count > 1:
            self._config.experimental.collective_group_leader = _LEADER
            server = tf.distribute.Server(
                {"worker": list(processes.addresses)},
                "worker",
                self.index,
                config=self._config,
            )
            self._target = server.target
            cluster.wait_for_others(processes)
            # The devices of the others belong to their sessions.
            self._config.device_filters.append(f"/job:worker/task:{self.index}")
            self._config.operation_timeout_in_ms = _LONGEST_WAIT

    @contextlib.contextmanager
    def watched(self):
        """Turns what TensorFlow raises when another process goes into ReplicaLost."""
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            reason = find_reason(error.message)
            raise ReplicaLost(f"lost another process of {self.count}: {reason}") from (
                error
            )

    def open_session(self, rewrite=None):
        """Returns a Session for the default graph.

        Args:
            rewrite: RewriterConfig, how TensorFlow may change the graph.
        """
        config = v1.ConfigProto()
        config.CopyFrom(self._config)
        if rewrite is not None:
            config.graph_options.rewrite_options.CopyFrom(rewrite)
        return v1.Session(self._target, config=config)

    def share(self, batch_size):
        """Returns which rows of a batch are this process's, a slice."""
        size = batch_size // self.count
        return slice(self.index * size, (self.index + 1) * size)

    def mean(self, tensors):
        """Returns tensors averaged over the processes, in one exchange.

        Args:
            tensors: list of float32, of shapes that are known.
        """
        if self.count == 1 or not tensors:
            return tensors
        return [total / self.count for total in self._sum(tensors)]

    def _sum(self, tensors):
        """Returns tensors, of one dtype, summed over the processes."""
        shapes = [tensor.shape.as_list() for tensor in tensors]
        sizes = [tensor.shape.num_elements() for tensor in tensors]
        flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
        total = tf.raw_ops.CollectiveReduce(
            input=flat,
            group_size=self.count,
            group_key=_GROUP,
            instance_key=next(self._keys),
            merge_op="Add",
            final_op="Id",
            subdiv_offsets=[0],
        )
        parts = tf.split(total, sizes)
        return [tf.reshape(p, s) for p, s in zip(parts, shapes, strict=True)]

    def _from_chief(self, tensors):
        """Returns the chief's values of tensors of one dtype."""
        if not self.is_chief:
            tensors = [tf.zeros_like(tensor) for tensor in tensors]
        return self._sum(tensors)

    def agree(self, numbers):
        """Returns the chief's numbers, list of int."""
        if self.count == 1:
            return numbers
        with tf.Graph().as_default(), self.watched(), self.open_session() as session:
            (agreed,) = self._from_chief([tf.constant(numbers, tf.int64)])
            return session.run(agreed).tolist()

    def adopt(self, session, variables):
        """Gives variables of a session the values that they have in the chief's."""
        if self.count == 1:
            return
        by_dtype = {}
        for variable in variables:
            by_dtype.setdefault(variable.dtype.base_dtype, []).append(variable)
        updates = []
        for same in by_dtype.values():
            values = self._from_chief([variable.read_value() for variable in same])
            updates += [v1.assign(v, x).op for v, x in zip(same, values, strict=True)]
        session.run(updates)

    def leave(self):
        """Waits until all are here, and then for the chief to end: others may still
        ask for what lies here."""
        if self.count == 1:
            return
        self.agree([0])
        if not self.is_chief:
            cluster.wait_for_chief_to_end(self._cluster)


ALONE = Replicas()

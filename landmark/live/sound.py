"""The sound of a video, copied as it is."""

import contextlib
import io
import warnings

import av
from av.error import FFmpegError

from landmark.live.decoding import open_container


class Sound:
    """The first sound of a file, on its way into a video that is written.

    Where it cannot be copied, a warning says so, and there is none.

    Args:
        source: the file.
        start: seconds in it that become 0.
        target: the av container that gets a stream more.
        title: of the target.
    """

    def __init__(self, source, start, target, title):
        self._start, self._target, self._next = start, target, None
        self._packets = iter(())
        self._closing = contextlib.ExitStack()
        try:
            container = self._closing.enter_context(open_container(source))
            stream = container.streams.audio[0]
            _check(stream, target.format.name)
            self._stream = target.add_stream_from_template(stream)
            self._packets = container.demux(stream)
        except (FFmpegError, OSError, ValueError, IndexError) as error:
            reason = getattr(error, "strerror", None) or error
            warnings.warn(
                f"{title}: the sound of {source} is left out: {reason}", stacklevel=6
            )

    def copy(self, until):
        """Copies what begins before so many seconds, and was not copied yet."""
        while True:
            if self._next is None:
                self._next = self._take()
            if self._next is None or self._seconds(self._next) >= until:
                return
            packet, self._next = self._next, None
            if self._seconds(packet) >= 0:
                shift = round(self._start / packet.time_base)
                packet.pts -= shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
                packet.stream = self._stream
                self._target.mux(packet)

    def _take(self):
        """Returns the next packet that has a time, None at the end of the sound."""
        with contextlib.suppress(FFmpegError):  # What is damaged ends it.
            for packet in self._packets:
                if packet.pts is not None and packet.size:
                    return packet
        return None

    def _seconds(self, packet):
        return float(packet.pts * packet.time_base) - self._start

    def close(self):
        """Closes the file."""
        self._closing.close()


def _check(stream, format_name):
    """Makes sure that a container can hold a sound.

    Raises:
        ValueError: it cannot.
    """
    try:
        with av.open(io.BytesIO(), "w", format=format_name) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (FFmpegError, ValueError) as error:
        name = stream.codec_context.name
        raise ValueError(f"the file cannot hold {name}") from error

"""Record files under way: written beside their place, gone on with after a break."""

import bisect
import contextlib
import itertools
import os
import time
import zlib
from pathlib import Path

from landmark.dataset import shards
from landmark.files import disk
from landmark.files.journal import Journal
from landmark.script.errors import InputError

_SECONDS = 0.25  # From note to note in the journal: what a kill costs at most.


class Output:
    """A record file, or a set of shards, from the first record to the final names.

    Its parts and a journal of them are hidden files in its folder, until `finish`.

    Args:
        path: of the file; of a set, what the shards' names begin with.
        num_shards: 1 for one file.
        names: of the patches; each goes to another shard than the one before.
        work: what JSON can hold: all else that decides the bytes.

    Attributes:
        dropped: list of (name, what is wrong with it).

    Raises:
        InputError: there are fewer names than shards, records of this name in another
            number of shards, or another process that writes them.
    """

    def __init__(self, path, num_shards, names, work):
        if len(names) < num_shards:
            raise InputError(
                f"{path}: expected at least {num_shards} patches, one for each shard, "
                f"found {len(names)}"
            )
        shards.require_no_others(path, num_shards)
        self.path, self._lock = Path(path), contextlib.ExitStack()
        self._paths = shards.output_paths(path, num_shards)
        hands = [names[i::num_shards] for i in range(num_shards)]
        self._names = list(itertools.chain(*hands))
        self._ends = list(itertools.accumulate(map(len, hands)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._parts = [self._hidden(f"-{i:05d}.part") for i in range(num_shards)]
        journal = self._hidden(".jsonl")
        self._lock_journal(journal)
        self._journal = Journal(journal, {**work, "shards": num_shards})
        self._take_over(journal)

    def _hidden(self, end):
        """Returns a path beside the output, for what is not done yet."""
        short = f"{zlib.crc32(os.fsencode(self.path.name)):08x}"
        return self.path.with_name(f".records-{short}{end}")

    def _lock_journal(self, journal):
        journal.touch()
        try:
            self._lock.enter_context(disk.lock(journal, "packing"))
        except InputError as error:
            raise InputError(
                f"{self.path}: expected one process that writes it, found another"
            ) from error

    def _take_over(self, journal):
        """Takes over what earlier runs of the same work have done."""
        self._forget()
        for item in self._journal.done:
            match item:
                case [int(done), int(size), int(count), list(dropped)] if all(
                    map(_is_drop, dropped)
                ):
                    if self._done < done <= len(self._names) and min(size, count) >= 0:
                        self._add(done, size, count, dropped)
                        continue
            raise InputError(
                f"{journal}: expected a journal of packing, found another line; remove "
                "it to start over"
            )
        if not all(map(self._is_there, range(len(self._parts)))):
            self._journal.start_over()
            self._forget()
        if not self._done:
            self._remove_parts()

    def _forget(self):
        self._done, self.dropped = 0, []
        self._sizes, self._counts = [0] * len(self._parts), [0] * len(self._parts)

    def _add(self, done, size, count, dropped):
        """Enters how far the shard is that the last of the done names belongs to."""
        shard = bisect.bisect_left(self._ends, done)
        self._done, self._sizes[shard], self._counts[shard] = done, size, count
        self.dropped += map(tuple, dropped)

    def _is_there(self, shard):
        """Whether a shard is as large as the journal says."""
        part, size = self._parts[shard], self._sizes[shard]
        if part.exists():  # Behind what is noted, something may have been written.
            return part.stat().st_size >= size
        path, is_done = self._paths[shard], self._done == len(self._names)
        if is_done and path.exists():  # It has got its name.
            return path.stat().st_size == size
        return not size

    @property
    def left(self):
        """Names whose records are still to be written, in the order of `write`."""
        return self._names[self._done :]

    @property
    def num_done(self):
        """How many names are done."""
        return self._done

    @property
    def num_records(self):
        """How many records there are so far."""
        return sum(self._counts)

    def write(self, results):
        """Writes what is left.

        Args:
            results: iterator of (record with its frame, None) or (None, what is wrong)
                of each name of `left`.

        Raises:
            InputError: no record came of the names of a shard.
            OSError: the disk is full, say; it names the output.
        """
        try:
            while self._done < len(self._names):
                shard = bisect.bisect_right(self._ends, self._done)
                with self._parts[shard].open("ab") as file:
                    file.truncate(self._sizes[shard])
                    self._fill(file, shard, results)
                if not self._counts[shard]:
                    self._refuse_empty(shard)
        except OSError as error:
            if error.filename is None:
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            raise

    def _fill(self, file, shard, results):
        """Writes the records of a shard that are left."""
        done, count, noted = self._done, self._counts[shard], time.monotonic()
        dropped = []
        for name in self._names[done : self._ends[shard]]:
            record, error = next(results)
            done += 1
            if error is None:
                file.write(record)
                count += 1
            else:
                dropped.append((name, error))
            if done == self._ends[shard] or time.monotonic() > noted + _SECONDS:
                file.flush()
                os.fsync(file.fileno())  # What is noted must outlive a crash.
                item = done, file.tell(), count, dropped
                self._journal.add(item)
                self._add(*item)
                dropped, noted = [], time.monotonic()

    def _refuse_empty(self, shard):
        self._done = 0  # Nothing of it is worth going on with.
        raise InputError(f"{self._paths[shard]}: expected samples to write, found none")

    def name_files(self):
        """Gives the files their final names; the journal tells of it till `finish`."""
        for part, path in zip(self._parts, self._paths, strict=True):
            if part.exists():
                os.replace(part, path)

    def finish(self):
        """Ends the work, whose files have their names."""
        self._journal.finish()

    def close(self):
        """Leaves what is done as it is, for another run to go on with."""
        if self._done:
            self._journal.close()
        else:
            self._journal.finish()
            self._remove_parts()
        self._lock.close()

    def _remove_parts(self):
        for part in self.path.parent.glob(f"{self._hidden('').name}-*.part"):
            part.unlink()


def _is_drop(value):
    match value:
        case [str(), str()]:
            return True
    return False


def finish(outputs):
    """Gives Outputs that are written their final names, all together.

    A run that is killed meanwhile leaves some of them, and the journals, by which the
    next one gives the others theirs.
    """
    for output in outputs:
        output.name_files()
    for output in outputs:
        output.finish()

"""Every finished run, one line of JSON each, on disk as soon as it is known."""

import json
import os


class Results:
    """The rows of a file, by what was run; a later row of the same run replaces the earlier one.

    A line that was cut short by a kill is dropped. ``key`` tells one run's row from another's; of the head-to-head,
    unless given. Raises ValueError for a file of something else.
    """

    def __init__(self, path, key=lambda row: key(row)):
        self.path, self.key, self.rows, self.known = path, key, {}, {}
        if not path.exists():
            return
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            os.truncate(path, len(whole))
        for number, line in enumerate(whole.decode().splitlines(), 1):
            try:
                row = json.loads(line)
                if "facts" in row:
                    self.known |= row["facts"]
                else:
                    self.rows[self.key(row)] = row
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: {error}; expected a row of this benchmark") from error

    def get(self, label):
        """The row of a run, or None."""
        return self.rows.get(self.key(label))

    def add(self, row):
        """Keep a row, on disk first."""
        self._append(row)
        self.rows[self.key(row)] = row

    def _append(self, row):
        with open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def of(self, cells, conditions):
        """Rows of some cells under the conditions of this run (images, batch, seed), failed ones left out."""
        wanted = {cell: [] for cell in cells}
        for row in self.rows.values():
            if cell_of(row) in wanted and "failed" not in row and all(row[k] == v for k, v in conditions.items()):
                wanted[cell_of(row)].append(row)
        return wanted

    def failed(self, cells):
        """Rows of runs that gave nothing to measure."""
        return [row for row in self.rows.values() if "failed" in row and cell_of(row) in cells]

    def facts(self, found):
        """Keep what holds for the whole file, such as ComfyUI's version."""
        if any(self.known.get(name) != value for name, value in found.items()):
            self.known |= found
            self._append({"facts": found})


FIELDS = ("model", "sampler", "schedule", "steps", "cfg")
CONDITIONS = ("images", "batch", "seed")


def cell_of(row):
    return tuple(row[name] for name in FIELDS)


def key(row):
    """What tells one run from another."""
    return (*cell_of(row), *(row[name] for name in ("rival", "setting", *CONDITIONS)))

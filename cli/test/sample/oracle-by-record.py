"""Runs the rules' oracle (argument 1) on files (the others), and notes at which record each count rose.

Prints one JSON line per file: what the oracle says of it, and `reason_records`, `flag_records`: the 1-based record numbers
by reason and by flag. The oracle's own loop decides everything; here its counters are only watched.
"""
import collections
import importlib.util
import json
import pathlib
import sys

oracle_path, files = sys.argv[1], sys.argv[2:]
# The oracle runs its main function when it is loaded, on the files of the command line: it must see none.
sys.argv = [oracle_path]
spec = importlib.util.spec_from_file_location("oracle", oracle_path)
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

record = 0
counters = []


class Watched(collections.Counter):
    def __init__(self):
        self.records = {}
        counters.append(self)
        super().__init__()

    def __setitem__(self, key, count):
        self.records.setdefault(key, []).append(record)
        super().__setitem__(key, count)


read_records = oracle.records


def numbered(path):
    global record
    form, rows = read_records(path)
    record = 0

    def each():
        global record
        for row in rows:
            record += 1
            yield row

    return form, each()


oracle.Counter, oracle.records = Watched, numbered

for name in files:
    counters.clear()
    verdict = oracle.judge(pathlib.Path(name))

    def watched(counts):
        """The counter that ended with these counts."""
        return next((c.records for c in counters if dict(c) == counts), {}) if counts else {}

    verdict["reason_records"] = watched(verdict["reasons"])
    verdict["flag_records"] = watched(verdict["flags"])
    print(json.dumps(verdict))

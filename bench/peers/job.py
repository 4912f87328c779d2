"""What every peer's script shares: the job it is told, and the clock."""

import contextlib
import json
import os
import sys
import time


def load():
    with open(sys.argv[1]) as f:
        return json.load(f)


@contextlib.contextmanager
def measured():
    """Prints what the block cost; imports are over by then."""
    wall, cpu = time.perf_counter(), os.times()
    yield
    done = os.times()
    used = sum(done[:4]) - sum(cpu[:4])
    print(json.dumps({"seconds": time.perf_counter() - wall, "cpu": used}))

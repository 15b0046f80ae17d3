"""No-op tasks through mpi4py.futures' MPIPoolExecutor: what a coordinator of Python tasks costs.

    mpirun --oversubscribe -n RANKS python -m mpi4py.futures mpi4py_noop.py TASKS CHUNK

Prints one JSON object. CHUNK is the executor's own chunksize: tasks that travel together, as cells do in a cohort.
"""

import json
import sys
import time

from mpi4py.futures import MPIPoolExecutor


def nothing(cell):
    return cell


def main():
    tasks, chunk = int(sys.argv[1]), int(sys.argv[2])
    with MPIPoolExecutor() as executor:
        workers = executor.num_workers
        # The workers' start is not what is measured.
        list(executor.map(nothing, range(workers * chunk), chunksize=chunk))
        started = time.perf_counter()
        done = sum(1 for _ in executor.map(nothing, range(tasks), chunksize=chunk, unordered=True))
        seconds = time.perf_counter() - started
    print(json.dumps({"tasks": done, "workers": workers, "chunk": chunk, "seconds": seconds, "tasks_per_second": done / seconds}))


if __name__ == "__main__":
    main()

"""What the benchmarks share: timing, and one line of the table."""
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def best_of(times, function, clock=time.perf_counter):
    """Seconds of the fastest of `times` calls: on a busy machine the one that was disturbed least."""
    results = []
    for _ in range(times):
        start = clock()
        function()
        results.append(clock() - start)
    return min(results)


def call_seconds(function, times=5, measurable=0.0005, long=0.02):
    """Seconds of one warm call, the best of `times`, or of three where one takes `long`; calls too short to be measured
    are repeated.

    Processor time of this thread: where other work shares the core, a call of milliseconds is never left alone, and by
    the clock on the wall it would look slower than it is.
    """
    first = best_of(2, function, time.thread_time)
    if first > long:
        return min(first, best_of(1, function, time.thread_time))
    together = max(1, min(1000, int(measurable / max(first, 1e-7))))

    def loop():
        for _ in range(together):
            function()

    return min(first, best_of(times, loop, time.thread_time) / together)


def show(what, ours, package, theirs, ratio, aim=None):
    verdict = "" if aim is None else f"   aim {aim}" + ("" if ratio >= aim else ", MISSED")
    print(f"{what:<56} {ours:>14}   {package:<22} {theirs:>14}   {ratio:8.1f} times{verdict}", flush=True)

"""How long the embedded mapper takes to prove optima, and how many cells of a comparison it proves.

First single searches as library calls, on golden architecture ``base``, kernels compiled, the least time of several
runs; then all 16 classes on whole networks, default arch, one process a core, nothing taken from the store.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from dataclasses import dataclass
from math import inf

from _problems import convolution, depthwise, matmul, problem
from _timeloop import Throughput, mapper_throughput, missing

import flexloop
from flexloop.deadline import Deadline
from flexloop.embedded.mapper import Objective, Optimum, Space, find_best
from flexloop.embedded.mapper.sampler import choices_of

NETWORKS = ("bert", "resnet50", "mobilenet_v2")
SEVEN = ("alexnet", "resnet50", "mobilenet_v2", "mnasnet", "bert", "dlrm", "ncf")


@dataclass(frozen=True)
class Target:
    """A search and the seconds of CPU time that it may take."""

    name: str
    space: Space
    limit_s: float
    objective: Objective = "edp"


def targets() -> list[Target]:
    """The searches that are timed."""
    return [
        Target("matmul 512x768x768", matmul(512, 768, 768), 0.05),
        Target("base-conv3x3", problem("base-conv3x3"), 0.3),
        Target("depthwise 3x3, 144 channels, 56x56", depthwise(144, 56, 56), 1.0),
        Target("convolution 240x240x60x60x3x3", convolution(240, 240, 60, 60), 2.0),
        Target("base-conv3x3, bypass free", problem("base-conv3x3", free_bypass=True), 5.0),
    ]


def timed(space: Space, objective: Objective, runs: int, limit_s: float = 600.0) -> tuple[float, Optimum]:
    """Least CPU seconds of several searches, of one where it takes more than five, and the last answer."""
    find_best([matmul(2, 2, 2)], objective)  # the kernels are compiled then
    best = inf
    for _ in range(runs):
        begin = time.thread_time()
        optimum = find_best([space], objective, deadline=Deadline(limit_s, time.monotonic))
        best = min(best, time.thread_time() - begin)
        if best > 5:
            break
    return best, optimum


def searches(runs: int, timeloop: Throughput | None) -> bool:
    """Time the targets; whether each was proved within its limit."""
    title = f"{'search (EDP)':36} {'mappings':>9} {'CPU s':>7} {'limit':>6}  {'proved':6} {'evaluated':>9}  {'EDP':>13}"
    print(title + ("  timeloop-mapper's mappings in that time" if timeloop else ""))
    met = True
    for target in targets():
        seconds, optimum = timed(target.space, target.objective, runs)
        certificate = optimum.certificate
        size = float(choices_of(target.space).size())
        line = f"{target.name:36} {size:9.1e} {seconds:7.3f} {target.limit_s:6.2f}"
        line += f"  {'yes' if certificate.optimal else f'{optimum.gap:.1%}':6} {certificate.evaluated:9,}"
        line += f"  {optimum.cost[0]:13.7e}"
        print(line + (f"  {timeloop.valid_per_second * seconds:,.0f}" if timeloop else ""), flush=True)
        met = met and certificate.optimal and seconds <= target.limit_s
    return met


def cpu_seconds() -> float:
    """User and system time of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def comparison(networks: tuple[str, ...], arch: str, objective: str, *, degrees: bool) -> bool:
    """Compare classes on networks and print the certificates; whether every cell was proved."""
    begin, cpu = time.perf_counter(), cpu_seconds()
    results = flexloop.compare(
        networks, arch, engine="embedded", objective=objective, degrees=degrees, use_store=False
    )  # fmt: skip
    took = f"{time.perf_counter() - begin:.1f} s, {cpu_seconds() - cpu:.1f} CPU s"
    rows = results.rows.drop_duplicates(["class", "mapping", "macs", "energy_pj", "cycles"])
    mapped = rows[rows["status"] == "ok"]
    proved = int(mapped["optimal"].sum())
    cells = f"{proved} of {len(mapped)} cells proved optimal, largest gap {mapped['gap'].max():.2%}"
    work = f"{mapped['evaluated'].sum():.3g} mappings evaluated, {mapped['excluded'].sum():.3g} excluded by proof"
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    points = results.rows["class"].nunique()
    print(f"{'+'.join(networks)} on {arch}, {points} points, {objective}: {took}; {cells}; {work}; "
          f"unmappable {len(rows) - len(mapped)}; largest process so far {peak:.0f} MB", flush=True)  # fmt: skip
    return proved == len(mapped)


def main() -> int:
    """Run the measurements; 1 if a search took too long or a proof is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="searches of each kind, of which the fastest counts")
    parser.add_argument("--net", action="append", help="networks to compare the classes on, one by one")
    parser.add_argument("--seven", action="store_true", help="the seven networks of the README in one comparison")
    parser.add_argument("--arch", default="edge256")
    parser.add_argument("--objective", default="edp", choices=["latency", "energy", "edp"])
    parser.add_argument("--degrees", action="store_true", help="all 81 points instead of the 16 classes")
    options = parser.parse_args()

    reason = missing()
    timeloop = None if reason else mapper_throughput()
    print(reason or timeloop)
    good = searches(options.runs, timeloop)
    print()
    groups = [SEVEN] if options.seven else [(net,) for net in options.net or NETWORKS]
    for group in groups:
        good &= comparison(group, options.arch, options.objective, degrees=options.degrees)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

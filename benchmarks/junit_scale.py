"""Memory and time for grouping the failures of a large JUnit file: 100,000 tests, 10,000 failures, 500 MB.

    python benchmarks/junit_scale.py

Prints what one run of `gradtriage cluster` takes, beside reading the file with nothing done to its cases.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS, FAILURES, BYTES = 100_000, 10_000, 500_000_000
READ = "import sys; from pathlib import Path; from gradtriage.evidence.junit import iter_junit; print(sum(1 for _ in iter_junit(Path(sys.argv[1]))))"  # noqa: E501
TRACEBACK = """
    def test_{n}(case):
>       solve(case, {n})

tests/test_{file}.py:{n}:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def solve(case, n):
>       raise ValueError(f"no solution for {{case}} of {{n}}")
E       ValueError: no solution for {kind} of {n}

model/solve_{file}.py:12: ValueError
"""


def write(path: Path) -> None:
    filler = "captured output " * ((BYTES // TESTS - 150) // 16)
    with path.open("w") as file:
        file.write('<testsuites><testsuite name="pytest">')
        for n in range(TESTS):
            file.write(f'<testcase classname="tests.test_{n % 50}" name="test_{n}[{n}]" time="0.01">')
            if n % (TESTS // FAILURES) == 0:
                text = TRACEBACK.format(n=n, file=n % 50, kind="abcdefg"[n // 10 % 7])
                file.write(f'<failure message="ValueError: no solution for {n // 10 % 7} of {n}">{text}</failure>')
            file.write(f"<system-out>{filler}</system-out></testcase>\n")
        file.write("</testsuite></testsuites>")


def measure(name: str, *command: str) -> float:
    begin = time.perf_counter()
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    said = child.stdout.read().splitlines() if child.stdout else []
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    wall, cpu = time.perf_counter() - begin, used.ru_utime + used.ru_stime
    print(f"{name:10} {used.ru_maxrss / 1024:6.0f} MB  {wall:6.1f} s wall  {cpu:6.1f} s CPU  {said[:2]}")
    return cpu


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.xml"
        write(path)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {TESTS} tests, {FAILURES} failures")
        read = measure("read", "-c", READ, str(path))
        cluster = measure("cluster", "-m", "gradtriage", "cluster", str(path))
        print(f"grouping {FAILURES} failures takes {cluster - read:.1f} s CPU beyond reading the file")


if __name__ == "__main__":
    main()

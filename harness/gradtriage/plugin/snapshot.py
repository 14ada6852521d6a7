"""What the environment is, asked inside the test process: no host name, no absolute path, no secret.

Nothing here imports torch or initialises CUDA: a driver that was initialised breaks every later fork.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def snapshot(pins: dict[str, Any], *, with_packages: bool) -> dict[str, Any]:
    """The environment as this process sees it now."""
    packages = installed_packages()
    taken: dict[str, Any] = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "cpu": {"model": cpu_model(), "count": os.cpu_count(), "usable": _usable_cpus()},
        "torch": torch_settings(packages),
        "cuda": cuda_devices(),
        "pins": pins,
    }
    if with_packages:
        taken["packages"] = packages
    return taken


def cpu_model() -> str | None:
    """The processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or None
    match = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.processor() or platform.machine() or None


def _usable_cpus() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()


def installed_packages() -> dict[str, str]:
    """Name to version of every distribution on `sys.path`, read from the folders' names alone (a millisecond)."""
    found: dict[str, str] = {}
    for entry in dict.fromkeys(sys.path):
        try:
            names = [path.name for path in Path(entry or ".").iterdir()]
        except OSError:
            continue
        for name in names:
            match = re.fullmatch(r"(.+?)-(\d[^-]*)(?:-py[\d.]+)?\.(?:dist-info|egg-info)", name)
            if match:
                found.setdefault(re.sub(r"[-_.]+", "-", match.group(1)).lower(), match.group(2))
    return dict(sorted(found.items()))


def _imported_torch() -> ModuleType | None:
    torch = sys.modules.get("torch")
    # half imported while conftest imports it, or a stand-in that a test made
    return torch if torch is not None and hasattr(torch, "version") and hasattr(torch, "get_num_threads") else None


def torch_settings(packages: dict[str, str]) -> dict[str, Any]:
    """The version and settings of torch; the installed version alone while torch is not imported."""
    torch = _imported_torch()
    if torch is None:
        return {"version": packages.get("torch"), "imported": False}
    return {
        "version": str(torch.__version__),
        "imported": True,
        "cuda_build": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
    }


def cuda_devices() -> dict[str, Any]:
    """What is known of CUDA without starting it: names only if the tests started it themselves."""
    known: dict[str, Any] = {"visible": os.environ.get("CUDA_VISIBLE_DEVICES"), "available": None, "devices": []}
    torch = _imported_torch()
    if torch is None:
        return known
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        known["available"] = False
    elif torch.cuda.is_initialized():
        known["available"] = True
        known["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    elif hasattr(torch.cuda, "_device_count_nvml"):
        # asks the management library and not the driver; -1 where there is none
        count = torch.cuda._device_count_nvml()  # noqa: SLF001
        known["available"] = count > 0 if count >= 0 else None
        known["count"] = max(count, 0)
    return known

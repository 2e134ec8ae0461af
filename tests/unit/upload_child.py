"""Upload a file in a process of its own, and say how much memory that took: `python -m tests.unit.upload_child ...`.

Arguments: base URL, path, backend. It prints the bytes that the peak of its memory was above what it began with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from openai_async import AsyncClient


def memory(name: str) -> int:
    """A figure of this process in bytes: VmRSS (now) or VmHWM (the most so far)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) * 1024


def forget() -> int:
    """Forget the most so far; gives what there is now."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


async def main(base_url: str, path: Path) -> None:
    async with AsyncClient(api_key="k", base_url=base_url, trust_env=False, timeout=600) as client:
        await client.files.create(file=("warm", b"up"), purpose="user_data")  # everything is imported
        before = forget()
        await client.files.create(file=path, purpose="user_data")
        print(memory("VmHWM") - before)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], Path(sys.argv[2]), backend=sys.argv[3])

"""Renews what is pinned: python -m tests.public_api"""

from __future__ import annotations

import sys

from tests.public_api.pinned import renew

if __name__ == "__main__":
    sys.stdout.writelines(f"pinned/{name}.txt has changed\n" for name in renew())

"""How much memory a process holds, and how it gives back what it does not need."""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

__all__ = ["give_back", "held"]


def held(pid: int | str = "self") -> int:
    """Resident bytes of a process; 0 where the system does not tell (Linux does, see proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * mmap.PAGESIZE
    except (OSError, IndexError, ValueError):
        return 0


def give_back() -> bool:
    """Give memory that is free, and that the allocator keeps for later, back to the system.

    Only glibc has a word for it: malloc_trim(3). Gives whether there was one.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:  # another C library
        return False
    trim(0)
    return True

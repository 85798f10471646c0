"""Many pictures, one function: what to do, doing it, and what came of it."""

"""Which networks exist, and their verified files. The only room that may use the internet."""

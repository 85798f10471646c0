"""Arrays in, arrays out: one file a method of the literature. No files, networks or options."""

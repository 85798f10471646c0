"""Pictures from and to files, bytes and pipes. Nothing here knows what a subject is."""

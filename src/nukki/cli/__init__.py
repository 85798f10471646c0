"""Words for the terminal. Decides nothing that the library does not."""

"""HTTP: requests in, answers out. What is done with pictures is `api`'s, in other processes."""

"""What is true without any I/O: areas, routes, retries and the three machines with their legal moves."""

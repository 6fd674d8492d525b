"""The clients that are Python libraries: one module each, run as a process of its own."""

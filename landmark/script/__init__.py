"""How every script behaves: flags, help, errors, exit status, progress.

May import no other wing. Only `cli` and the rooms called flags see absl.

In: the command line. Out: what a user reads on the terminal, and the exit status.
"""

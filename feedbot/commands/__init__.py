"""The commands for feeds, for what is announced, and for the state.

Like those in `cli`, each loads, calls one function and prints; and imports what it needs when it runs.
"""

"""The commands for what is announced: deliveries, targets, preview.

Like those in `cli`, each loads, calls one function and prints; and imports what it needs when it runs.
"""

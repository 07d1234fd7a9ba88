"""The only place that knows SQL.

Functions take a connection; the caller owns the transaction. No transaction spans a network or a disk wait.
"""

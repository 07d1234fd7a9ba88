"""The fault matrix: each fault strikes at each stage of the work, and nothing may come of it but delay.

Its modules are listed in docs/architecture.md; what comes of it is told in docs/failures.md.
"""

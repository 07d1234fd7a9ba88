"""What a pass is made of: sync, refresh, announce; `build` makes one of them.

content folders -> sync -> the store -> refresh -> the place of the output
                                     -> announce -> the outbox
"""

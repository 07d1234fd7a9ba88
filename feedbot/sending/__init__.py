"""What happens beside the passes: what is due in the outbox is claimed, sent and settled; `deliver` does it.

the outbox -> claims -> dispatch -> courier -> targets
                    <- outcomes <-
"""

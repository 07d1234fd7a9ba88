"""What an operator asks of the state and says to it: the words behind the commands, for `report` to show.

standings    how each target stands
ledger       which deliveries there are, and what happens to each next
steering     what is to be sent again, forgotten or let go
trial        whether a target answers
naming       which article is meant
"""

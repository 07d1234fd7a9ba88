"""What an operator asks, as text for a person. Reads the store at most, changes nothing.

What is told is decided below; here it becomes lines that fit a terminal.
"""

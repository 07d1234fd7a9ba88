"""The fault matrix: each fault strikes at each stage of the work, and nothing may come of it but delay.

cells.py     which faults, stages and numbers of workers there are, and one run of one of them
life.py      a worker as a process, which can be held at an instant of its work
hands.py     the same as the test has it in hand
scene.py     the newsroom: store, documents, targets, workers, and the lines between them
story.py     what the newsroom publishes, and what readers and targets have to have of it
reader.py    somebody who reads all documents all the while
faults_*.py  what strikes: how it does, by what that shows, what an operator sees, how it is mended
claims.py    what is claimed in the end
results.py   what came of it, kept, and as a table
"""

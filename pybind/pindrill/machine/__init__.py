"""What is done to, and taken from, the machine that a run is on: names, directories, locks, private files, budgets."""

"""What the two Pythons say to each other: jobs, results, cards, classes, messages, errors. Standard library only."""

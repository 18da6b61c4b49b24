"""Work on several machines, by Ray: what a worker dies of is done again."""

"""The job: read, prepare, predict, blend, write."""

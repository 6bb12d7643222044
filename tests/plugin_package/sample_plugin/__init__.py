"""What another package adds to Evolver."""

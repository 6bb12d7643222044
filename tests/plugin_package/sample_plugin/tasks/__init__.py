"""Task folders, one a task."""

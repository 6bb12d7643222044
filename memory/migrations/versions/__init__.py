"""One file a change of the tables, in order; files that were released are never edited."""

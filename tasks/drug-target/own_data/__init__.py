"""A user's own labelled pairs of drug and target: reading them, fetching them, and making a task of them."""

"""RAFT (Dong et al., 2023; Xiong et al., 2025): training on the right responses alone, by likelihood."""


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """One for right responses, nothing for wrong ones, shape (groups, samples)."""
    return (rewards > 0.0).float()


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: the negative log-likelihood of right responses."""
    return -(logp * advantages * mask).sum(2).mean()

"""How alike two rows of numbers rise."""

import numpy as np


def rank_correlation(a, b):
    """Returns Spearman's rank correlation of two arrays of n numbers."""
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return np.corrcoef(ranks)[0, 1]

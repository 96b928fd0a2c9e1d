"""Folds: random parts of a panel without time, for judging every row by a model that has not seen its like."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FOLDS = 5
THIRDS = 3
_COPIES = 0.05  # of the rows, in one group


def together(X: npt.NDArray[np.float64], customer_ids: npt.NDArray[np.object_]) -> npt.NDArray[np.intp]:
    """The group of each row: rows of one customer, and rows of equal values, stay together.

    A row that is found again in another fold would be judged by a model that knows its answer. Where columns are so
    coarse that chance makes many rows equal, only customers are kept together.
    """
    rows = len(customer_ids)
    _, customer = np.unique(customer_ids.astype(str), return_inverse=True)
    if not rows or not X.shape[1]:
        return customer
    alike = np.ascontiguousarray(np.nan_to_num(X, nan=np.inf)).view(np.void(X.shape[1] * X.itemsize).dtype).ravel()
    _, value = np.unique(alike, return_inverse=True)
    linked = _linked(customer, value)
    # columns so coarse that most rows have their double: these are no copies of one another
    return linked if np.bincount(linked).max() <= max(_COPIES * rows, np.bincount(customer).max()) else customer


def folds(group: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.int32]:
    """A fold from 1 to FOLDS for each row; rows of one group share one."""
    return _spread(group, FOLDS, seed)


def thirds(group: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.int32]:
    """A third from 1 to THIRDS for each row, whatever its fold; rows of one group share one."""
    return _spread(group, THIRDS, seed + 1)


def _spread(group: npt.NDArray[np.intp], parts: int, seed: int) -> npt.NDArray[np.int32]:
    """A part from 1 on for each row, about equally many rows in each."""
    if not len(group):
        return np.empty(0, np.int32)
    random = np.random.default_rng(seed)
    members, sizes = np.unique(group, return_counts=True)
    order = random.permutation(len(members))
    order = order[np.argsort(-sizes[order], kind="stable")]
    part_of, filled = np.zeros(int(members.max()) + 1, np.int32), np.zeros(parts)
    for place in order:  # the largest groups first, each into the emptiest part
        emptiest = int(filled.argmin())
        part_of[members[place]] = emptiest + 1
        filled[emptiest] += sizes[place]
    return np.asarray(part_of[group], np.int32)


def _linked(customer: npt.NDArray[np.intp], value: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The group of each row, where rows of one customer and rows of one value are of one group."""
    from scipy.sparse import coo_array  # takes its time to import, which a check need not wait for
    from scipy.sparse.csgraph import connected_components

    nodes = int(customer.max()) + 1
    size = nodes + int(value.max()) + 1
    links = coo_array((np.ones(len(value)), (customer, nodes + value)), shape=(size, size))
    _, group = connected_components(links, directed=False)
    return np.asarray(group[customer], np.intp)

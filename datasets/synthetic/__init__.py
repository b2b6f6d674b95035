"""Simulated controls with the sizes of SEED: views of a known model, for the protocol controls.

Drawn from a seed when loaded; no value of SEED and nothing fitted to it. Stated facts alone are
SEED's: 310 and 33 features, and 7506, 7398 and 7830 rows of its three classes (22734 in all). The
latent variable z has the paper's width, 30.

Views (310 features for a, o, blind_a and permuted_a, 33 for the others), z and noise standard
normal, all maps drawn once:

- ``a``, ``b``: the paper's model P2 (eq. 3), decoders linear, x_v = U_v[y] + W_v z + noise; the
  scale of U is such that the Bayes accuracy of both is .9;
- ``o``, ``m``: its model P3 (eq. 10), x_m = U_m[y] + W_m z + noise, and x_o likewise plus C x_m; m
  is to o what an auxiliary variable is: p(x_o|y,z,x_m);
- ``noise``: independent of everything;
- ``blind_a``, ``blind_b``: as a and b, of sources of their own and with U = 0: they tell no class;
- ``permuted_a``, ``permuted_b``: a and b with their rows in another order, the same for both: as if
  labels were permuted;
- ``shuffled_b``: b with its rows in an order of its own: pairs of different rows.

What no method can beat is known and stands in the provenance: the Bayes accuracy of the chosen
views (``bayes_accuracy``), and the NMSE of E[m|o] (``conditional_mean_nmse``).
"""

from __future__ import annotations

from pathlib import Path

from datasets.base import Dataset
from datasets.synthetic.views import Control

CONTROL = Control("synthetic", counts=(7506, 7398, 7830), dims=(310, 33), latent=30)


def load(views: tuple[str, ...] | None = None, root: Path | None = None) -> Dataset:
    """The 22734 rows with ``views`` (default a and b); ``root`` is unused.

    Raises DataError for an unknown view.
    """
    return CONTROL.load(views)

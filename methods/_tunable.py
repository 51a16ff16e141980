"""What ``bench tune`` searches of the methods of xing2023, and how far. Free of torch.

Section 3.1: "We have the learning rate, drop-out rate p, loss weight lambda and L2 weight decay
weights beta_M and beta_S as hyper-parameters to be tuned using Bayesian optimization with Gaussian
processes"; found were 4.73e-4, 0.39, 1.02 and 5.58e-6. The paper does not say how far it searched:
these ranges hold its optimum and the defaults of every profile, away from their ends.

The two betas are searched as one, ``weight_decay``. The paper reports one value for both, to three
digits; two numbers searched apart would not have met.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmark import Range

__all__ = ["APART", "JOINT"]

#: Of networks that are trained apart from each other: there is nothing to weigh.
APART: Mapping[str, Range] = {
    "learning_rate": Range(1e-5, 1e-2, log=True),
    "dropout": Range(0.0, 0.6),
    "weight_decay": Range(1e-7, 1e-3, log=True),
}
#: Of networks that are trained together: lambda, the myocardium's loss against the scar's.
JOINT: Mapping[str, Range] = {**APART, "myocardium_weight": Range(0.1, 10.0, log=True)}

"""SDGM's bound against exact likelihoods, M2, loops over classes and draws, and the half moons.

Everything calls the production objective in float64; only nets and noise are replaced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from methods._training.data import Batch
from methods._training.densities import gaussian
from methods._training.sdgm_elbo import SkipModel
from methods._training.semisup_elbo import Likelihood, Model, over_labels, repeat

METHODS = ("sdgm",)
DOUBLE = torch.float64
CLASSES, A, D, X = 3, 2, 4, 6
"""The linear-Gaussian world: two blocks, each of one a, two z and three x."""


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=source(seed))


def parameters(made: SkipModel | Model, seed: int = 0) -> dict[str, Tensor]:
    flat = made.layout.initial([seed], DOUBLE)
    flat += 0.1 * torch.randn(flat.shape, dtype=DOUBLE, generator=source(seed))
    return made.layout.views(flat)


def model(**changes: object) -> SkipModel:
    made = SkipModel(5, CLASSES, (0.4, 0.6), hidden=(7, 6), latent=4, auxiliary=3)
    return replace(made, **changes)  # type: ignore[arg-type]


def batch(made: SkipModel, known: int, unknown: int, samples: int = 1, seed: int = 1) -> Batch:
    b = known + unknown
    labels = torch.randint(made.n_classes, (1, known), generator=source(seed))
    return Batch(
        x=(normal(seed, 1, b, made.width),),
        present=torch.ones(1, b, 1, dtype=DOUBLE),
        onehot=torch.eye(made.n_classes, dtype=DOUBLE)[labels],
        n_labelled=known,
        noise={
            "a": normal(seed + 10, 1, samples, b, made.auxiliary),
            "z": normal(seed + 20, 1, samples, b, made.latent),
        },
        hyper={"c": torch.full((1,), 0.5, dtype=DOUBLE)},
        keep=(None,),
    )


# ---------------------------------------------------------------- the linear-Gaussian world


class World:
    """a = m z + beta_y + noise, x = c a + d z + u_y + noise; p(z|a,x,y) and p(a|x,y) are diagonal.

    The maps are block-diagonal, so that a's posterior is; [m; d] is sd Q diag(g) with Q orthonormal
    in every block, so that z's is.
    """

    def __init__(self) -> None:
        draw = source(3)

        def uniform(*shape: int) -> Tensor:
            return 0.4 + torch.rand(*shape, dtype=DOUBLE, generator=draw)

        self.g, self.var_a, self.var_x = uniform(D), uniform(A), uniform(X)
        self.m, self.d = torch.zeros(A, D, dtype=DOUBLE), torch.zeros(X, D, dtype=DOUBLE)
        self.c = torch.zeros(X, A, dtype=DOUBLE)
        for i in range(2):
            a, z, x = slice(i, i + 1), slice(2 * i, 2 * i + 2), slice(3 * i, 3 * i + 3)
            q, _ = torch.linalg.qr(torch.randn(4, 2, dtype=DOUBLE, generator=draw))
            w = torch.cat([self.var_a[a], self.var_x[x]]).sqrt()[:, None] * q * self.g[z]
            self.m[a, z], self.d[x, z], self.c[x, a] = w[:1], w[1:], uniform(3, 1)
        self.beta = torch.randn(CLASSES, A, dtype=DOUBLE, generator=draw)
        self.u = torch.randn(CLASSES, X, dtype=DOUBLE, generator=draw)
        # [a; x] = through z + (noise of a, which x inherits; noise of x)
        inherit = torch.cat([torch.eye(A, dtype=DOUBLE), self.c])
        through = inherit @ self.m + torch.cat([torch.zeros(A, D, dtype=DOUBLE), self.d])
        cov = through @ through.T + inherit * self.var_a @ inherit.T
        cov[A:, A:] += torch.diag(self.var_x)
        self.cov = cov
        self.mean = torch.cat([self.beta, self.beta @ self.c.T + self.u], 1)  # (K, A + X)

    def log_joint(self, x: Tensor, a: Tensor | None = None) -> Tensor:
        """log p(x,a,y), or log p(x,y) without ``a``: (n, K)."""
        seen = x if a is None else torch.cat([a, x], -1)
        cut = slice(A if a is None else 0, None)
        each = [MultivariateNormal(mean[cut], self.cov[cut, cut]) for mean in self.mean]
        return torch.stack([one.log_prob(seen) for one in each], -1) - math.log(CLASSES)

    def posterior_a(self, x: Tensor, y: int) -> tuple[Tensor, Tensor]:
        """Mean (n, A) and variance (A,) of p(a|x,y), which is diagonal."""
        gain = self.cov[:A, A:] @ torch.linalg.inv(self.cov[A:, A:])
        cov = self.cov[:A, :A] - gain @ self.cov[A:, :A]
        torch.testing.assert_close(cov, torch.diag(cov.diag()), atol=1e-12, rtol=0)
        return self.mean[y, :A] + (x - self.mean[y, A:]) @ gain.T, cov.diag()


WORLD = World()


@dataclass(frozen=True)
class LinearSkip(SkipModel):
    """The world's own likelihood; posteriors are the exact ones unless ``free``.

    ``label``: q(a|x) is p(a|x,y) of this class; None: some other Gaussian.
    """

    label: int | None = None
    free: bool = False

    def auxiliaries(self, p, x):
        if self.free:
            return super().auxiliaries(p, x)
        if self.label is None:
            return (x @ normal(5, X, A)).tanh(), 0.5 * (x @ normal(6, X, A)).sin()
        mean, var = WORLD.posterior_a(x[0], self.label)
        return mean[None], var.log().expand(1, len(mean), -1)

    def posterior(self, p, x, a, onehot):
        if self.free:
            return super().posterior(p, x, a, onehot)
        precision = 1 + WORLD.g**2
        rest = over_labels(a, onehot, -WORLD.beta[None]) / WORLD.var_a @ WORLD.m
        rest = rest + over_labels(x - a @ WORLD.c.T, onehot, -WORLD.u[None]) / WORLD.var_x @ WORLD.d
        return rest / precision, -precision.log().expand_as(rest)

    def likelihood(self, p, x, a, batch) -> Likelihood:
        known, k, zero = batch.n_labelled, self.n_classes, torch.zeros_like
        base_a = over_labels(zero(a), batch.onehot, WORLD.beta[None])
        base_x = over_labels(a @ WORLD.c.T, batch.onehot, WORLD.u[None])
        aim_a, aim_x = repeat(a, known, k), repeat(x, known, k)

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            of_a = gaussian(aim_a, base_a + z[:, 0] @ WORLD.m.T, WORLD.var_a.log().expand_as(aim_a))
            of_x = gaussian(aim_x, base_x + z[:, 0] @ WORLD.d.T, WORLD.var_x.log().expand_as(aim_x))
            return (weight[:, 0] * (of_a + of_x)).sum(-1)

        return summed


def linear(**changes: object) -> LinearSkip:
    made = LinearSkip(X, CLASSES, (1.0, 1.0), hidden=(5,), latent=D, auxiliary=A)
    return replace(made, **changes)  # type: ignore[arg-type]


def at_sigma_points(data: Batch, eps_a: Tensor) -> Batch:
    """2 D draws of z that integrate a quadratic exactly; the same draw of a for all of them."""
    points = math.sqrt(D) * torch.cat([torch.eye(D), -torch.eye(D)]).to(DOUBLE)
    b = data.x[0].shape[1]
    noise = {
        "a": eps_a[:, None].expand(-1, 2 * D, -1, -1),
        "z": points[None, :, None].expand(-1, -1, b, -1),
    }
    return replace(data, noise=noise)


@pytest.mark.parametrize("label", range(CLASSES))
def test_with_the_exact_posteriors_l_is_the_exact_log_likelihood_for_every_draw_of_a(label):
    made, n = linear(label=label), 5
    data = batch(made, n, 0)
    data = replace(data, onehot=torch.eye(CLASSES, dtype=DOUBLE)[[label] * n][None])
    for seed in range(3):
        value, _ = made.objective(
            parameters(made), at_sigma_points(data, normal(seed, 1, n, A)), (1.0, 0.0)
        )
        exact = WORLD.log_joint(data.x[0][0])[:, label].mean()
        assert -value.item() == pytest.approx(exact.item(), abs=1e-10)


@pytest.mark.parametrize("classifier", ["any", "exact"])
def test_u_lacks_the_divergences_of_q_of_a_and_q_of_y_and_nothing_else(classifier, monkeypatch):
    made, n = linear(), 5
    data, p = batch(made, 0, n), parameters(linear())
    eps = normal(7, 1, n, A)
    x, (mean, logvar) = data.x[0][0], made.auxiliaries(p, data.x[0])
    a = (mean + (0.5 * logvar).exp() * eps)[0]
    joint = WORLD.log_joint(x, a)
    if classifier == "exact":
        exact = joint.log_softmax(-1)[None].repeat(1, 2 * D, 1)
        monkeypatch.setattr(LinearSkip, "log_q", lambda *_: exact)
    value, log_q = made.objective(p, at_sigma_points(data, eps), (0.0, 1.0))
    log_q = log_q[0, :n]  # the same for all draws, as they share a
    gap = (log_q.exp() * (log_q - joint.log_softmax(-1))).sum(-1)  # KL(q(y|a,x) || p(y|a,x))
    of_a = Normal(mean[0], (0.5 * logvar[0]).exp()).log_prob(a).sum(-1)
    expected = (joint.logsumexp(-1) - of_a - gap).mean()  # log p(x,a) - log q(a|x) - KL
    assert -value.item() == pytest.approx(expected.item(), abs=1e-10)
    assert classifier == "any" or gap.abs().max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_arbitrary_nets_stay_below_the_exact_log_likelihoods(seed):
    made, groups, draws = linear(free=True), 40, 400
    p = parameters(made, seed)
    single = batch(made, 1, 1, seed=seed)
    y = int(single.onehot.argmax())
    joint = WORLD.log_joint(single.x[0][0])
    for shares, exact in (((1.0, 0.0), joint[0, y]), ((0.0, 1.0), joint[1].logsumexp(-1))):
        values = []
        for group in range(groups):
            data = batch(made, 1, 1, draws, seed=1000 * (seed + 1) + group)
            data = replace(single, noise=data.noise)
            values.append(-made.objective(p, data, shares)[0].item())
        assert np.mean(values) - 4 * np.std(values) / math.sqrt(groups) <= exact.item()


def test_the_nets_own_likelihood_is_bounded_as_quadrature_has_it():
    """One a, one z: log p(x,y) of the production decoders by integration over a grid."""
    made = model(width=2, latent=1, auxiliary=1, hidden=(6, 5))
    p = parameters(made, 4)
    grid = torch.linspace(-9, 9, 601, dtype=DOUBLE)
    cell = 2 * math.log(18 / 600)
    data = batch(made, 0, 2, 20000)
    plain = torch.nn.functional.softplus

    def net(name: str, first: Tensor) -> tuple[Tensor, Tensor]:
        h = plain(first + p[f"{name}.0.b"][0])
        h = plain(h @ p[f"{name}.1.W"][0] + p[f"{name}.1.b"][0])
        mean, raw = (h @ p[f"{name}.2.W"][0] + p[f"{name}.2.b"][0]).chunk(2, -1)
        return mean, raw / (1 + (raw / 6) ** 4) ** 0.25

    z, a = grid[:, None, None], grid[None, :, None]
    log_p = []
    for y in range(CLASSES):
        mean_a, logvar_a = net("dec_a", z @ p["dec_a.0.z"][0] + p["dec_a.0.y"][0, y])
        parts = z @ p["dec_x.0.z"][0] + a @ p["dec_x.0.a"][0] + p["dec_x.0.y"][0, y]
        mean_x, logvar_x = net("dec_x", parts)
        prior = gaussian(z, torch.zeros_like(z), torch.zeros_like(z))
        of_a = gaussian(a, mean_a, logvar_a)
        of_x = [gaussian(x, mean_x, logvar_x) for x in data.x[0][0]]
        log_p.append([(prior + of_a + one).logsumexp((0, 1)) + cell for one in of_x])
    exact = torch.tensor(log_p, dtype=DOUBLE).logsumexp(0).mean() - math.log(CLASSES)
    bound = -made.objective(p, data, (0.0, 1.0))[0].item()
    assert exact.item() - 3 < bound < exact.item()


# ---------------------------------------------------------------- what it must agree with


def test_nets_that_ignore_a_give_the_bound_of_m2():
    made = model()
    theirs = Model((5,), CLASSES, made.shares, made.hidden, made.latent, entropy="exact")
    p = parameters(made)
    for name, value in p.items():
        silent = name.startswith(("aux", f"dec_a.{len(made.hidden)}"))  # both are N(0, I)
        if silent or name in ("cls.0.a", "enc.0.a", "dec_x.0.a"):
            value.zero_()
    renamed = {"enc": "enc0", "dec_x": "dec0", "cls": "cls"}
    q = {}
    for name, value in p.items():
        head, _, tail = name.partition(".")
        if head in renamed and tail != "0.a":
            q[f"{renamed[head]}.{tail}"] = value
    q["cls.0.x0"] = q.pop("cls.0.x")
    assert q.keys() == theirs.layout.parameters.keys()
    data = batch(made, 3, 4)
    of_m2 = replace(data, noise={"eps": data.noise["z"][:, None]})
    ours, (m2s, log_q) = made.loss(p, data)[0], theirs.objective(q, of_m2, made.shares, "exact")
    error = -(log_q[:, :3] * data.onehot).sum(-1).mean(-1)
    assert ours.item() == pytest.approx((m2s + 0.5 * error).item(), abs=1e-12)


def test_enumeration_of_classes_equals_a_loop_over_draws_and_classes():
    made, n, samples = model(), 4, 2
    p, data = parameters(made), batch(model(), 0, 4, 2)
    whole, _ = made.objective(p, data, (0.0, 1.0))
    total = 0.0
    for draw in range(samples):
        for row in range(n):
            for y in range(CLASSES):
                one = replace(
                    data,
                    x=(data.x[0][:, row : row + 1],),
                    present=data.present[:, row : row + 1],
                    onehot=torch.eye(CLASSES, dtype=DOUBLE)[None, y : y + 1],
                    n_labelled=1,
                    noise={k: v[:, draw : draw + 1, row : row + 1] for k, v in data.noise.items()},
                )
                loss, log_q = made.objective(p, one, (1.0, 0.0))
                total += log_q[0, 0, y].exp() * (loss + log_q[0, 0, y])
    assert whole.item() == pytest.approx(total.item() / n / samples, abs=1e-12)


def test_the_loss_of_many_draws_is_the_mean_over_draws_with_the_log_of_the_mean_of_q():
    made, samples, known = model(error_weight=7.0), 3, 2
    p, data = parameters(made), batch(model(), 2, 3, 3)
    bounds, guesses = [], []
    for draw in range(samples):
        noise = {name: value[:, draw : draw + 1] for name, value in data.noise.items()}
        bound, log_q = made.objective(p, replace(data, noise=noise), made.shares)
        bounds.append(bound)
        guesses.append(log_q[:, :known].exp())
    mean = torch.stack(guesses).mean(0)
    error = -(mean.log() * data.onehot).sum(-1).mean(-1)
    loss, logs = made.loss(p, data)
    assert logs["cross_entropy"].item() == pytest.approx(error.item(), abs=1e-12)
    expected = torch.stack(bounds).mean(0) + 7.0 * 0.5 * error
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)


def test_gradients_equal_finite_differences():
    made = model(width=3, hidden=(4, 3), latent=2, auxiliary=2)
    p, data, step = parameters(made), batch(made, 2, 2, 2), 1e-6
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    loss, _ = made.loss(leaves, data)
    for name, grad in zip(leaves, torch.autograd.grad(loss.sum(), [*leaves.values()]), strict=True):
        for place in range(0, grad.numel(), max(1, grad.numel() // 3)):
            ends = []
            for sign in (1, -1):
                moved = {k: v.clone() for k, v in p.items()}
                moved[name].view(-1)[place] += sign * step
                ends.append(made.loss(moved, data)[0].item())
            slope = (ends[0] - ends[1]) / (2 * step)
            assert grad.reshape(-1)[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_an_answer_is_the_mean_of_q_over_draws_of_a():
    made, n = model(answer_draws=4), 6
    p, x = parameters(made), normal(2, 1, 6, 5)
    eps = {f"a {number}": normal(30 + number, 1, n, 3) for number in range(4)}
    said = made.classify(p, (x,), lambda name, _: eps[name])
    mean, logvar = made.auxiliaries(p, x)
    each = [made.log_q(p, x, mean + (0.5 * logvar).exp() * e).exp() for e in eps.values()]
    torch.testing.assert_close(said.exp(), torch.stack(each).mean(0), atol=1e-12, rtol=0)

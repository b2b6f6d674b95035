"""Functions of single entries give the same bits at the front and at the end of any tensor."""

from __future__ import annotations

import pytest
import torch

from methods._nn.pointwise import BLOCK, pointwise, softplus

FUNCTIONS = {
    "softplus": softplus,
    "sigmoid": lambda x: pointwise(torch.sigmoid, x),
    "exp2": lambda x: pointwise(torch.exp2, x),
    "lgamma": lambda x: pointwise(torch.lgamma, x),
    "digamma": lambda x: pointwise(torch.digamma, x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_values_and_slopes_do_not_depend_on_the_place(name: str, size: int) -> None:
    function = FUNCTIONS[name]
    entries = torch.rand(size, generator=torch.Generator().manual_seed(size)) * 4 + 0.1

    def both(*parts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = torch.cat(parts).requires_grad_()
        values = function(leaf)
        (slopes,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach(), slopes

    alone, slopes = both(entries)
    for before in (1, 7, BLOCK):
        shifted, of_shifted = both(torch.ones(before), entries)
        assert torch.equal(shifted[before:], alone)
        assert torch.equal(of_shifted[before:], slopes)
    assert alone.shape == entries.shape
    assert slopes.isfinite().all()


def test_softplus_is_exact_over_all_its_range() -> None:
    x = torch.tensor([-700.0, -40.0, 0.0, 1.0, 39.0, 41.0, 700.0], dtype=torch.float64)
    torch.testing.assert_close(softplus(x), torch.logaddexp(x, torch.zeros_like(x)), rtol=1e-15,
                               atol=0)  # fmt: skip


def test_shapes_and_arrays_that_are_not_contiguous() -> None:
    x = torch.rand(5, 7).T
    assert torch.equal(pointwise(torch.sigmoid, x), pointwise(torch.sigmoid, x.contiguous()))
    assert pointwise(torch.exp2, torch.rand(2, 3, 4)).shape == (2, 3, 4)

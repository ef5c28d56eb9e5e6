"""Muon: updates are nearly orthogonal, and steps agree with torch's implementation in bfloat16."""

import pytest

pytest.importorskip("torch")

import torch

from router_r1_envs.supervised.muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_singular_values_become_about_one_and_vectors_stay(shape) -> None:
    matrices = torch.randn(
        3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    found = orthogonalize(matrices)
    assert found.shape == matrices.shape
    for before, after in zip(matrices, found, strict=True):
        left, _, right = torch.linalg.svd(before, full_matrices=False)
        turned = left.T @ after @ right.T  # diagonal where the singular vectors are the same
        values = turned.diagonal()
        assert torch.all((values > 0.3) & (values < 1.5))
        assert torch.allclose(turned, torch.diag(values), atol=1e-8)


def test_a_zero_matrix_stays_zero() -> None:
    assert torch.equal(orthogonalize(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (30, 12)])
def test_steps_agree_with_torchs_muon_up_to_its_precision(shape) -> None:
    source = torch.Generator().manual_seed(1)
    start = torch.randn(*shape, generator=source)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (Muon([ours], lr=0.02), torch.optim.Muon([theirs], lr=0.02, weight_decay=0.0))
    for _ in range(4):
        gradient = torch.randn(*shape, generator=source)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    moved = (ours - start).norm()
    assert moved > 0.1
    assert (ours - theirs).norm() < 0.03 * moved


def test_matrices_of_one_shape_are_updated_independently() -> None:
    source = torch.Generator().manual_seed(2)
    values = [torch.randn(4, 7, generator=source) for _ in range(3)]
    gradients = [torch.randn(4, 7, generator=source) for _ in range(2)]
    together = [torch.nn.Parameter(v.clone()) for v in values]
    alone = [torch.nn.Parameter(v.clone()) for v in values[:2]]
    for matrix, gradient in zip(together, gradients, strict=False):
        matrix.grad = gradient.clone()
    Muon(together, lr=0.1).step()
    for matrix, gradient in zip(alone, gradients, strict=True):
        matrix.grad = gradient.clone()
        Muon([matrix], lr=0.1).step()
    for one, other in zip(together, alone, strict=False):
        assert torch.allclose(one, other, atol=1e-6)
    assert torch.equal(together[2], values[2])


def test_a_vector_is_rejected() -> None:
    with pytest.raises(ValueError, match="shape"):
        Muon([torch.nn.Parameter(torch.zeros(3))], lr=0.1)

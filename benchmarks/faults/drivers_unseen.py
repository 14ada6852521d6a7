"""Functions of parameters over the packages of the unseen split; as in `drivers_development`.

Written apart from the engine. Backward formulas of the package's own are passed in torchlie,
pytorch_wavelets, kymatio, torchkbnufft, interpol, pyqtorch, UMNN, sparsemax, torchpme, torch_struct, mambapy, mpc,
torch_semiring_einsum, memory_efficient_attention_pytorch, hypll, torchsparsegradutils and dxtb.
"""

from __future__ import annotations

import torch
from drivers_development import F64, _rand
from drivers_fresh import _module_loss


def lie_group_rotations():
    from torchlie.functional import SO3

    def f(v, w, p):
        R, S = SO3.exp(v), SO3.exp(w)
        T = SO3.compose(R, SO3.inv(S))
        return (
            (SO3.log(T) * _rand(2, 3, seed=1)).sum()
            + SO3.transform(T, p).sin().sum()
            + SO3.untransform(R, p).square().sum()
            + (SO3.adj(S) * _rand(2, 3, 3, seed=2)).sum()
            + SO3.vee(SO3.hat(v)).cos().sum()
            + SO3.left_act(R, SO3.hat(w)).pow(3).sum()
        )

    return f, {"v": _rand(2, 3, seed=3) * 0.6, "w": _rand(2, 3, seed=4) * 0.6, "p": _rand(2, 3, seed=5)}, "torchlie"


def lie_group_poses():
    from torchlie.functional import SE3

    def f(v, w, p):
        R, S = SE3.exp(v), SE3.exp(w)
        jacobians = []
        tangent = SE3.log(SE3.compose(R, S), jacobians=jacobians)
        return (
            (tangent * _rand(2, 6, seed=6)).sum()
            + SE3.transform(SE3.inv(R), p).sin().sum()
            + (SE3.adj(S) * _rand(2, 6, 6, seed=7)).sum()
            + (jacobians[0] * _rand(2, 6, 6, seed=8)).sum()
        )

    return f, {"v": _rand(2, 6, seed=9) * 0.5, "w": _rand(2, 6, seed=10) * 0.5, "p": _rand(2, 3, seed=11)}, "torchlie"


def wavelet_banks():
    from pytorch_wavelets import DWT1DForward, DWT1DInverse, DWTForward, DWTInverse
    from pytorch_wavelets.dwt.transform2d import SWTForward

    forward = DWTForward(J=2, wave="db2", mode="zero").double()
    inverse = DWTInverse(wave="db2", mode="zero").double()
    forward_line = DWT1DForward(J=2, wave="db3", mode="periodization").double()
    inverse_line = DWT1DInverse(wave="db3", mode="periodization").double()
    stationary = SWTForward(J=1, wave="db1", mode="periodic").double()

    def f(x, line):
        low, high = forward(x)
        again = inverse((low.sin(), [h.pow(3) for h in high]))
        low_line, high_line = forward_line(line)
        line_again = inverse_line((low_line.cos(), [h.square() for h in high_line]))
        return (
            (again * _rand(*again.shape, seed=12)).sum()
            + (line_again * _rand(*line_again.shape, seed=13)).sum()
            + sum(c.square().sum() for c in stationary(x))
        )

    return f, {"x": _rand(1, 2, 8, 8, seed=14), "line": _rand(1, 2, 16, seed=15)}, "pytorch_wavelets"


def wavelets_dual_tree():
    from pytorch_wavelets import DTCWTForward, DTCWTInverse
    from pytorch_wavelets.scatternet import ScatLayer, ScatLayerj2

    forward = DTCWTForward(J=2, biort="near_sym_a", qshift="qshift_a").double()
    inverse = DTCWTInverse(biort="near_sym_a", qshift="qshift_a").double()
    scatter, scatter_twice = ScatLayer().double(), ScatLayerj2().double()

    def f(x):
        low, high = forward(x)
        again = inverse((low.sin(), [h.pow(3) for h in high]))
        once, twice = scatter(x), scatter_twice(x)
        return (
            (again * _rand(*again.shape, seed=16)).sum()
            + (once * _rand(*once.shape, seed=17)).sum()
            + (twice * _rand(*twice.shape, seed=18)).sum()
        )

    return f, {"x": _rand(1, 1, 16, 16, seed=19)}, "pytorch_wavelets"


def scattering_transform():
    from kymatio.torch import Scattering1D, Scattering2D

    line = Scattering1D(J=2, shape=32, Q=2).double()
    plane = Scattering2D(J=1, shape=(8, 8), L=3).double()

    def f(x, y):
        a, b = line(x), plane(y)
        return (a * _rand(*a.shape, seed=20)).sum() + b.square().sum()

    return f, {"x": _rand(32, seed=21), "y": _rand(8, 8, seed=22)}, "kymatio"


def fourier_off_grid():
    import torchkbnufft as tkbn

    size, grid = (6, 6), (12, 12)
    forward = tkbn.KbNufft(im_size=size, grid_size=grid, dtype=torch.complex128)
    adjoint = tkbn.KbNufftAdjoint(im_size=size, grid_size=grid, dtype=torch.complex128)
    omega = _rand(2, 9, seed=23)
    matrices = tkbn.calc_tensor_spmatrix(omega, im_size=size, grid_size=grid)
    matrices = tuple(m.to(F64) for m in matrices)

    def f(re, im):
        image = torch.complex(re, im)[None, None]
        data = forward(image, omega)
        again = adjoint(data * data.abs(), omega)
        sparse = forward(image, omega, interp_mats=matrices)
        back = adjoint(sparse, omega, interp_mats=matrices)
        return (
            (data.real * _rand(1, 1, 9, seed=24)).sum()
            + again.abs().square().sum()
            + sparse.imag.sin().sum()
            + back.real.pow(3).sum()
        )

    return f, {"re": _rand(6, 6, seed=25) * 0.3, "im": _rand(6, 6, seed=26) * 0.3}, "torchkbnufft"


def image_resampling():
    import interpol

    def f(image, shift, mat):
        grid = interpol.add_identity_grid(shift)
        pulled = interpol.grid_pull(image, grid, interpolation=3, bound="dct2", prefilter=True)
        pushed = interpol.grid_push(image, grid, interpolation=2, bound="dft")
        counted = interpol.grid_count(grid[None], interpolation=3, bound="dct2")
        sloped = interpol.grid_grad(image, grid, interpolation=3, bound="dct2", extrapolate=True)
        linear = interpol.affine_grid(mat, (5, 6))
        return (
            (pulled * _rand(*pulled.shape, seed=31)).sum()
            + pushed.square().sum()
            + counted.sin().sum()
            + sloped.pow(3).sum()
            + interpol.grid_pull(image, linear, interpolation=2, bound="dct1").cos().sum()
            + interpol.spline_coeff_nd(image, interpolation=3, bound="dct2", dim=2).square().sum()
        )

    start = torch.eye(2, 3, dtype=F64) + 0.1 * _rand(2, 3, seed=32)
    return f, {"image": _rand(5, 6, seed=33), "shift": _rand(5, 6, 2, seed=34) * 0.3, "mat": start}, "interpol"


def _circuit(pyq):
    return [
        pyq.RX(0, "a"), pyq.RY(1, "b"), pyq.CNOT(0, 1), pyq.RZ(1, "c"), pyq.H(0), pyq.RY(0, "a"), pyq.CRX(0, 1, "b")
    ]  # fmt: skip


def quantum_expectation():
    import pyqtorch as pyq

    circuit = pyq.QuantumCircuit(2, [*_circuit(pyq), pyq.PHASE(0, "c")])
    observable = pyq.Observable([pyq.Z(0), pyq.Scale(pyq.X(1), torch.tensor(0.7, dtype=F64))])

    def f(a, b, c):
        values = {"a": a, "b": b, "c": c}
        state = pyq.run(circuit, values=values)
        by_states = pyq.expectation(circuit, values=values, observable=observable)
        overlap = pyq.overlap(pyq.zero_state(2), state)
        return by_states.sin().sum() + overlap.square().sum()

    start = {"a": torch.tensor(0.4, dtype=F64), "b": torch.tensor(0.9, dtype=F64), "c": torch.tensor(-0.6, dtype=F64)}
    return f, start, "pyqtorch"


def quantum_adjoint():
    import pyqtorch as pyq
    from pyqtorch.utils import DiffMode

    circuit = pyq.QuantumCircuit(2, _circuit(pyq))
    shifted = pyq.QuantumCircuit(2, [pyq.RX(0, "a"), pyq.RY(1, "b"), pyq.CNOT(0, 1), pyq.RZ(1, "c"), pyq.RY(1, "d")])
    observable = pyq.Observable([pyq.Z(0), pyq.X(1)])

    def f(a, b, c, d):
        values = {"a": a, "b": b, "c": c}
        adjoint = pyq.expectation(circuit, values=values, observable=observable, diff_mode=DiffMode.ADJOINT)
        shift = pyq.expectation(shifted, values=values | {"d": d}, observable=observable, diff_mode=DiffMode.GPSR)
        return adjoint.sin().sum() + shift.square().sum()

    start = {
        "a": torch.tensor([0.4], dtype=F64),
        "b": torch.tensor([0.9], dtype=F64),
        "c": torch.tensor([-0.6], dtype=F64),
        "d": torch.tensor([0.3], dtype=F64),
    }
    return f, start, "pyqtorch"


class _Integrand:
    """A smooth positive function of time and context, with the parameters that it was given."""

    def __init__(self, first, second):
        self.values = [first, second]

    def parameters(self):
        return self.values

    def forward(self, x, h):
        first, second = self.values
        hidden = torch.tanh(torch.cat((x, h), 1) @ first)
        return torch.exp(0.3 * hidden @ second)

    __call__ = forward


def monotonic_network():
    from UMNN import MonotonicNN

    torch.manual_seed(0)
    network = MonotonicNN(3, [4], nb_steps=20).double()
    del network.integrand
    network.net = torch.nn.Linear(2, 2).double()

    def f(x, h, first, second):
        network.integrand = _Integrand(first, second)
        return (network(x, h) * _rand(4, 1, seed=35)).sum()

    return (
        f,
        {
            "x": _rand(4, 1, seed=36),
            "h": _rand(4, 2, seed=37),
            "first": _rand(3, 4, seed=38),
            "second": _rand(4, 1, seed=39),
        },
        "UMNN",
    )


def sparse_softmax():
    from sparsemax import Sparsemax

    def f(x, y):
        rows = Sparsemax(dim=-1)(x)
        planes = Sparsemax(dim=1)(y)
        return (rows * _rand(3, 5, seed=40)).sum() + (planes.square() * _rand(2, 4, 3, seed=41)).sum()

    return f, {"x": _rand(3, 5, seed=42) * 0.6, "y": _rand(2, 4, 3, seed=43) * 0.6}, "sparsemax"


def _pairs(positions, cell):
    """All pairs and their distances in the nearest image, for a charged system of a few atoms."""
    count = len(positions)
    pairs = torch.tensor([(i, j) for i in range(count) for j in range(i + 1, count)])
    difference = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    fraction = torch.round(difference.detach() @ torch.linalg.inv(cell.detach()))
    return pairs, (difference - fraction @ cell).norm(dim=-1)


def _charged():
    return {
        "charges": torch.tensor([[1.0], [-0.6], [0.7], [-1.1]], dtype=F64),
        "positions": _rand(4, 3, seed=44) * 0.8,
        "cell": 4.0 * torch.eye(3, dtype=F64) + 0.1 * _rand(3, 3, seed=45),
    }


def ewald_sums():
    import torchpme

    coulomb = torchpme.EwaldCalculator(torchpme.CoulombPotential(smearing=1.0), lr_wavelength=1.5).double()
    powers = [
        torchpme.EwaldCalculator(torchpme.InversePowerLawPotential(exponent=e, smearing=1.0), lr_wavelength=2.0)
        for e in (3, 5, 6)
    ]

    def f(charges, positions, cell):
        pairs, distances = _pairs(positions, cell)
        total = (coulomb(charges, cell, positions, pairs, distances) * charges).sum()
        for power in powers:
            total = total + power.double()(charges, cell, positions, pairs, distances).square().sum()
        return total

    return f, _charged(), "torchpme"


def special_integrals():
    from torchpme.lib.math import exp1, gamma, gammaincc_over_powerlaw

    def f(z, s):
        terms = [gammaincc_over_powerlaw(torch.tensor(e), z).sin().sum() for e in (1, 2, 3, 4, 5, 6)]
        return sum(terms) + (exp1(z * s) * _rand(5, seed=46)).sum() + gamma(s + z).log().sum()

    return f, {"z": _rand(5, seed=47, low=0.6), "s": torch.tensor(1.4, dtype=F64)}, "torchpme"


def chain_structures():
    import torch_struct as ts

    def f(chain, segments):
        crf = ts.LinearChainCRF(chain)
        kept = ts.LinearChain(ts.CheckpointSemiring(ts.LogSemiring, 1)).sum(chain)
        return (
            crf.partition.sum()
            + crf.entropy.sum()
            + (crf.marginals * _rand(1, 4, 3, 3, seed=48)).sum()
            + kept[0].sin().sum()
            + ts.SemiMarkovCRF(segments).partition.cos().sum()
        )

    return f, {"chain": _rand(1, 4, 3, 3, seed=49), "segments": _rand(1, 3, 2, 2, 2, seed=50)}, "torch_struct"


def tree_structures():
    import torch_struct as ts

    def f(arcs, spans):
        projective = ts.DependencyCRF(arcs, multiroot=False)
        free = ts.NonProjectiveDependencyCRF(arcs)
        return (
            projective.partition.sum()
            + free.partition.sin().sum()
            + (free.marginals * _rand(1, 3, 3, seed=51)).sum()
            + ts.TreeCRF(spans).partition.square().sum()
        )

    return (
        f,
        {"arcs": _rand(1, 3, 3, seed=52), "spans": _rand(1, 3, 3, 2, seed=53)},
        "torch_struct",
    )


def selective_scan():
    from mambapy.mamba import MambaBlock, MambaConfig

    block = MambaBlock(MambaConfig(d_model=3, n_layers=1, d_state=2, d_conv=2, expand_factor=1))

    def f(x, delta, A, B, C, D):
        steps = torch.nn.functional.softplus(delta)
        parallel = block.selective_scan(x, steps, -torch.exp(A), B, C, D)
        one_by_one = block.selective_scan_seq(x[:, :3], steps[:, :3], -torch.exp(A), B[:, :3], C[:, :3], D)
        return (parallel * _rand(1, 6, 3, seed=55)).sum() + one_by_one.sin().sum()

    return (
        f,
        {
            "x": _rand(1, 6, 3, seed=56),
            "delta": _rand(1, 6, 3, seed=57),
            "A": _rand(3, 2, seed=152) * 0.5,
            "B": _rand(1, 6, 2, seed=153),
            "C": _rand(1, 6, 2, seed=154),
            "D": _rand(3, seed=155),
        },
        "mambapy",
    )


def quadratic_control():
    from mpc import mpc

    def f(C, c, A, x0):
        cost = C.unsqueeze(1) @ C.unsqueeze(1).transpose(-1, -2) + torch.eye(3, dtype=F64)
        controller = mpc.MPC(
            n_state=2, n_ctrl=1, T=4, lqr_iter=20, verbose=-1, backprop=True,
            exit_unconverged=False, detach_unconverged=False, n_batch=1, eps=1e-12,
        )  # fmt: skip
        dynamics = torch.eye(2, 3, dtype=F64) + 0.3 * A
        states, controls, _ = controller(
            x0[None], mpc.QuadCost(cost, c.unsqueeze(1)), mpc.LinDx(dynamics.expand(3, 1, 2, 3))
        )
        return (states * _rand(4, 1, 2, seed=58)).sum() + controls.sin().sum()

    return (
        f,
        {"C": _rand(4, 3, 3, seed=59), "c": _rand(4, 3, seed=60), "A": _rand(2, 3, seed=61), "x0": _rand(2, seed=62)},
        "mpc",
    )


def semiring_products():
    import torch_semiring_einsum as tse

    log_equation = tse.compile_equation("bij,bjk,k->bi")
    equation = tse.compile_equation("ij,jk,k->i")

    def f(a, b, c):
        logs = tse.log_einsum(log_equation, a[None], b[None], c, block_size=2)
        again = tse.log_einsum(log_equation, b[None], a[None], c, block_size=3, save_max=False, save_sumexpsub=False)
        plain = tse.einsum(equation, a, b, c, block_size=2)
        return (logs * _rand(1, 3, seed=63)).sum() + again.sin().sum() + plain.square().sum()

    return f, {"a": _rand(3, 3, seed=64), "b": _rand(3, 3, seed=65), "c": _rand(3, seed=66)}, "torch_semiring_einsum"


def tiled_attention():
    from memory_efficient_attention_pytorch.flash_attention import FlashAttention

    torch.manual_seed(0)
    layer = FlashAttention(dim=4, heads=2, dim_head=3, causal=True, q_bucket_size=2, k_bucket_size=2)

    def loss(m):
        out = m(_rand(1, 5, 4, seed=67))
        return (out * _rand(1, 5, 4, seed=68)).sum()

    return *_module_loss(layer, loss, 69), "memory_efficient_attention_pytorch"


def hyperbolic_means():
    from hypll.manifolds.poincare_ball.math import stats

    def f(x, c):
        ball = 0.6 * x / (1 + x.norm(dim=-1, keepdim=True))
        mean = stats.frechet_mean(ball, c)
        return (
            (mean * _rand(2, seed=70)).sum()
            + (stats.midpoint(ball, c) * _rand(2, seed=71)).sum()
            + stats.frechet_variance(ball, c).sin()
        )

    return f, {"x": _rand(4, 2, seed=72), "c": torch.tensor(0.9, dtype=F64)}, "hypll"


def hyperbolic_geometry():
    from hypll.manifolds.poincare_ball.math import diffgeom, linalg

    def f(x, y, v, c):
        a = diffgeom.expmap0(0.4 * x, c)
        b = diffgeom.expmap0(0.4 * y, c)
        moved = diffgeom.transp(a, b, v, c)
        return (
            diffgeom.dist(a, b, c).square().sum()
            + (diffgeom.logmap(a, b, c) * _rand(2, 3, seed=73)).sum()
            + diffgeom.expmap(a, 0.2 * moved, c).cos().sum()
            + diffgeom.gyration(a, b, v, c).sin().sum()
            + diffgeom.inner(a, v, moved, c).sum()
            + diffgeom.cdist(a[None], b[None], c).pow(3).sum()
            + linalg.poincare_fully_connected(a, x.t() @ y, y[0], c).sum()
            + diffgeom.logmap0(a, c).square()[0].sum()
        )

    start = {"x": _rand(2, 3, seed=74), "y": _rand(2, 3, seed=75), "v": _rand(2, 3, seed=76)}
    return f, start | {"c": torch.tensor(0.8, dtype=F64)}, "hypll"


def sparse_matrices():
    import torchsparsegradutils as sparse

    at = torch.tensor([[0, 0, 1, 1, 2, 2, 3], [0, 2, 1, 3, 0, 2, 3]])
    lower = torch.tensor([[0, 1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 2, 2, 3]])

    def f(a, t, b):
        matrix = torch.sparse_coo_tensor(at, a, (4, 4)).coalesce()
        triangle = torch.sparse_coo_tensor(lower, t.square() + 1.0, (4, 4)).coalesce()
        product = sparse.sparse_mm(matrix, b)
        solved = sparse.sparse_triangular_solve(triangle.to_sparse_csr(), b, upper=False)
        return (
            (product * _rand(4, 2, seed=77)).sum()
            + solved.square().sum()
            + sparse.sparse_logsumexp(matrix, dim=1).sin().sum()
        )

    return f, {"a": _rand(7, seed=78), "t": _rand(7, seed=79), "b": _rand(4, 2, seed=80)}, "torchsparsegradutils"


def sparse_solvers():
    import torchsparsegradutils as sparse
    from torchsparsegradutils.utils import linear_cg
    from torchsparsegradutils.utils.linear_cg import LinearCGSettings

    at = torch.tensor([[0, 1, 2, 3, 0, 1, 1, 2, 2, 3], [0, 1, 2, 3, 1, 0, 2, 1, 3, 2]])
    settings = LinearCGSettings(cg_tolerance=1e-13, max_cg_iterations=50)

    def solver(A, B):
        return linear_cg(A, B, settings=settings)

    def f(d, o, b, x):
        values = torch.cat([d.square() + 3.0, o.repeat_interleave(2)])
        matrix = torch.sparse_coo_tensor(at, values, (4, 4)).coalesce()
        solved = sparse.sparse_generic_solve(matrix, b, solve=solver, transpose_solve=solver)
        gathered = sparse.gather_mm(x, torch.stack([b @ b.t(), b @ x[:2]]), torch.tensor([0, 1, 1]))
        return (solved * _rand(4, 2, seed=81)).sum() + gathered.sin().sum()

    return (
        f,
        {"d": _rand(4, seed=82), "o": _rand(3, seed=83) * 0.5, "b": _rand(4, 2, seed=84), "x": _rand(3, 4, seed=85)},
        "torchsparsegradutils",
    )


def tight_binding_repulsion():
    import dxtb
    from dxtb.components.repulsion import new_repulsion

    numbers = torch.tensor([6, 8, 1, 1])
    unique = torch.unique(numbers)
    helper = dxtb.IndexHelper.from_numbers(numbers, dxtb.GFN1_XTB)
    classical = [
        new_repulsion(unique, dxtb.GFN1_XTB, with_analytical_gradient=analytical, dtype=F64)
        for analytical in (True, False)
    ]
    caches = [c.get_cache(numbers, helper) for c in classical]

    def f(positions):
        first, second = (c.get_energy(positions, cache) for c, cache in zip(classical, caches, strict=True))
        return 10.0 * (first * _rand(4, seed=90)).sum() + second.square().sum()

    return f, {"positions": _molecule()}, "dxtb"


def _molecule():
    return torch.tensor([[0.0, 0.0, 0.0], [2.3, 0.1, 0.2], [-1.1, 1.7, 0.1], [-1.0, -1.8, 0.3]], dtype=F64)


def charge_equilibration():
    import tad_multicharge as charges

    numbers = torch.tensor([6, 8, 1, 1])

    def f(positions, total):
        energy = charges.eeq.get_energy(numbers, positions, total)
        return energy.sum() + (charges.get_eeq_charges(numbers, positions, total) * _rand(4, seed=91)).sum()

    return f, {"positions": _molecule(), "total": torch.tensor(0.3, dtype=F64)}, "tad_multicharge"


def charge_dependent_dispersion():
    import tad_dftd4 as d4

    numbers = torch.tensor([6, 8, 1, 1])

    def f(positions, total, s8, a1, a2):
        damping = d4.Param(s6=torch.tensor(1.0, dtype=F64), s8=s8, s9=torch.tensor(1.0, dtype=F64), a1=a1, a2=a2)
        return 1e3 * d4.dftd4(numbers, positions, total, damping).sum()

    return (
        f,
        {
            "positions": _molecule(),
            "total": torch.tensor(0.2, dtype=F64),
            "s8": torch.tensor(1.2, dtype=F64),
            "a1": torch.tensor(0.4, dtype=F64),
            "a2": torch.tensor(4.8, dtype=F64),
        },
        "tad_dftd4",
    )


def manifold_maps():
    import geotorch

    torch.manual_seed(0)
    shapes = {
        "so": (geotorch.SO((3, 3)), _rand(3, 3, seed=92)),
        "stiefel": (geotorch.Stiefel((4, 2)), _rand(4, 2, seed=93)),
        "psd": (geotorch.PSD((3, 3)), _rand(3, 3, seed=94)),
        "skew": (geotorch.Skew((3, 3)), _rand(3, 3, seed=95)),
        "low": (geotorch.LowRank((4, 3), 2), _rand(4, 3, seed=96)),
        "sphere": (geotorch.Sphere((3,)), _rand(3, seed=97)),
        "sl": (geotorch.SL((3, 3)), _rand(3, 3, seed=98)),
        "almost": (geotorch.AlmostOrthogonal((4, 2), lam=0.3), _rand(4, 2, seed=99)),
    }
    for manifold, _ in shapes.values():
        manifold.double()

    def f(**points):
        total = 0.0
        for index, (name, point) in enumerate(points.items()):
            there = shapes[name][0](0.4 * point)
            total = total + (there * _rand(*there.shape, seed=100 + index)).sin().sum()
        return total

    return f, {name: start for name, (_, start) in shapes.items()}, "geotorch"


def tensor_trains():
    import tntorch as tn

    def f(a, b, c, u):
        train = tn.Tensor([a, b, c])
        other = tn.Tensor([u[None], b, c.sin()])
        return (
            tn.dot(train, other).sin()
            + tn.var(train)
            + tn.norm(other)
            + tn.mean(train * other)
            + tn.sum(train + other, dim=1).torch().square().sum()
            + tn.cumsum(train, dim=0).torch().cos().sum()
            + tn.partial(train, 1).torch().pow(3).sum()
        )

    return (
        f,
        {"a": _rand(1, 3, 2, seed=110), "b": _rand(2, 4, 2, seed=111), "c": _rand(2, 3, 1, seed=112), "u": _rand(3, 2)},
        "tntorch",
    )


def sphere_density():
    from power_spherical import HypersphericalUniform, PowerSpherical

    def f(mean, scale, at):
        loc = mean / mean.norm(dim=-1, keepdim=True)
        point = at / at.norm(dim=-1, keepdim=True)
        density = PowerSpherical(loc, torch.exp(scale))
        uniform = HypersphericalUniform(4, dtype=F64)
        return (
            density.log_prob(point).sum()
            + density.entropy().sin().sum()
            + (density.mean * _rand(4, seed=113)).sum()
            + density.variance.sin().sum()
            + density.base_dist.marginal_t.variance.sum()
            + torch.distributions.kl_divergence(density, uniform).square().sum()
        )

    return (
        f,
        {"mean": _rand(4, seed=114), "scale": torch.tensor(0.3, dtype=F64), "at": _rand(2, 4, seed=116)},
        "power_spherical",
    )


def radial_basis():
    from torchrbf import RBFInterpolator

    def f(points, values, at):
        total = 0.0
        for kernel, epsilon in (("gaussian", 0.8), ("thin_plate_spline", 1.0), ("multiquadric", 0.6), ("cubic", 1.0)):
            fitted = RBFInterpolator(points, values, smoothing=0.1, kernel=kernel, epsilon=epsilon, device="cpu")
            total = total + (fitted(at) * _rand(3, 2, seed=117)).sum()
        return total

    return (
        f,
        {"points": _rand(6, 2, seed=118), "values": _rand(6, 2, seed=119), "at": _rand(3, 2, seed=120)},
        "torchrbf",
    )


def spline_grids():
    from torch_cubic_spline_grids import CubicBSplineGrid1d, CubicBSplineGrid2d, CubicCatmullRomGrid2d

    torch.manual_seed(0)
    grids = torch.nn.ModuleList(
        [
            CubicBSplineGrid1d(resolution=5, n_channels=2),
            CubicBSplineGrid2d(resolution=(4, 3)),
            CubicCatmullRomGrid2d(resolution=(3, 4)),
        ]
    )

    def loss(m):
        at = _rand(5, 2, seed=121).sigmoid()
        return m[0](at[:, :1]).pow(3).sum() + m[1](at).sin().sum() + m[2](at).square().sum()

    return *_module_loss(grids, loss, 122), "torch_cubic_spline_grids"


def body_skinning():
    from smplx import lbs

    parents = torch.tensor([-1, 0, 1])

    def f(betas, pose, template, weights):
        vertices, joints = lbs.lbs(
            betas, pose, template[None], _rand(5, 3, 2, seed=123), 0.1 * _rand(18, 15, seed=124),
            _rand(3, 5, seed=125).softmax(-1), parents, weights.softmax(-1),
        )  # fmt: skip
        return (vertices * _rand(1, 5, 3, seed=126)).sum() + joints.sin().sum()

    return (
        f,
        {
            "betas": _rand(1, 2, seed=127),
            "pose": _rand(1, 9, seed=128) * 0.5,
            "template": _rand(5, 3, seed=129),
            "weights": _rand(5, 3, seed=130),
        },
        "smplx",
    )


def optical_fields():
    from torchoptics import Field
    from torchoptics.elements import Lens, PhaseModulator
    from torchoptics.profiles import gaussian

    beam = gaussian((12, 12), waist_radius=3e-5, spacing=1e-5).to(torch.complex128)

    def f(phase, re, focus):
        field = Field(beam * torch.complex(re, 0.3 * re.roll(1, 0)), wavelength=7e-7, z=0.0, spacing=1e-5)
        modulator = PhaseModulator(phase, z=0.0, spacing=1e-5)
        lens = Lens((12, 12), 1e-3 * focus, z=1e-4, spacing=1e-5)
        after = lens(modulator(field).propagate_to_z(1e-4)).propagate_to_z(4e-4)
        intensity = after.intensity()
        return 1e-9 * (intensity * _rand(*intensity.shape, seed=131)).sum() + after.power().sum()

    start = {"phase": _rand(12, 12, seed=132), "re": 1 + 0.2 * _rand(12, 12, seed=133)}
    return f, start | {"focus": torch.tensor(1.3, dtype=F64)}, "torchoptics"


def signal_filters():
    import julius

    low = julius.LowPassFilters([0.1, 0.25], zeros=3).double()
    band = julius.BandPassFilter(0.1, 0.3, zeros=3).double()
    bands = julius.SplitBands(1.0, n_bands=3, zeros=3).double()
    resample = julius.ResampleFrac(3, 2, zeros=4).double()

    def f(x, kernel):
        return (
            (low(x) * _rand(2, 1, 1, 24, seed=138)).sum()
            + band(x).square().sum()
            + bands(x).sin().sum()
            + resample(x).pow(3).sum()
            + julius.fft_conv1d(x, kernel, block_ratio=2).cos().sum()
        )

    return f, {"x": _rand(1, 1, 24, seed=139), "kernel": _rand(1, 1, 4, seed=140)}, "julius"


def parallel_steppers():
    import torchode as to

    def f(a, y0):
        term = to.ODETerm(lambda _, y: torch.tanh(y @ a) - 0.3 * y)
        total = 0.0
        for method in (to.Dopri5(term), to.Tsit5(term), to.Heun(term)):
            solver = to.AutoDiffAdjoint(method, to.FixedStepController())
            problem = to.InitialValueProblem(y0=y0, t_eval=torch.tensor([[0.0, 0.35, 1.0]] * 2, dtype=F64))
            solution = solver.solve(problem, dt0=torch.full((2,), 0.25, dtype=F64))
            total = total + (solution.ys * _rand(2, 3, 2, seed=149)).sum()
        return total

    return f, {"a": _rand(2, 2, seed=150), "y0": _rand(2, 2, seed=151)}, "torchode"


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_")
}

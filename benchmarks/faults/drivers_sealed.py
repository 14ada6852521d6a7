"""Functions of parameters over the packages of the sealed split; as in `drivers_development`.

Written without sight of the engine. Backward formulas of the package's own are passed in
torchsolve, revtorch, reformer_pytorch, geomstats, torchgw, linops, torchgdm, deepinv, monai, torch_geometric, echoAI,
pytorch_toolbelt, torchflows, torchopt, torchfem, torchdr and mrpro.
"""

from __future__ import annotations

import torch
from drivers_blind import _number
from drivers_development import F64, _rand
from drivers_fresh import _module_loss


def _spd(a, shift=0.5):
    return a @ a.mT + shift * torch.eye(a.shape[-1], dtype=F64)


def regularized_inversion():
    from torchsolve import Regularizer, conjugate_gradient

    def f(a, data, target, step):
        smooth = Regularizer(0.3, operator=lambda v: v[1:] - v[:-1], adjoint=lambda v: _difference_adjoint(v))
        pulled = Regularizer(0.2, bias=target)
        solved = conjugate_gradient(
            lambda v: a.T @ (a @ v), a.T @ data, regularizers=[smooth, pulled], max_iter=60, rtol=1e-15, parameters=[a]
        ).solution
        weight = solved.square()
        again = conjugate_gradient(
            lambda v: v * step.exp() + weight * v, solved.sin(), max_iter=40, rtol=1e-15,
            preconditioner=lambda v: v / 2.0, parameters=[step, weight],
        ).solution  # fmt: skip
        return (solved * _rand(5, seed=401)).sum() + again.square().sum()

    start = {"a": _rand(7, 5, seed=402), "data": _rand(7, seed=403), "target": _rand(5, seed=404)}
    return f, start | {"step": 0.3 * _rand(5, seed=405)}, "torchsolve"


def _difference_adjoint(v):
    return torch.cat([-v[:1], v[:-1] - v[1:], v[-1:]])


def _tanh_layers(seed, width):
    torch.manual_seed(seed)
    layers = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.Tanh(), torch.nn.Linear(width, width))
    return layers.double().requires_grad_(False)


def partly_reversible_network():
    import revtorch

    blocks = [revtorch.ReversibleBlock(_tanh_layers(2 * i, 3), _tanh_layers(2 * i + 1, 3)) for i in range(3)]
    sequence = revtorch.ReversibleSequence(torch.nn.ModuleList(blocks))

    def f(x, y):
        out = sequence(x * y.sigmoid())
        again = sequence(out.tanh())
        return (out * _rand(2, 6, seed=414)).sum() + again.sin().sum()

    return f, {"x": _rand(2, 6, seed=415), "y": _rand(2, 6, seed=416)}, "revtorch"


def reversible_attention():
    from reformer_pytorch.reformer_pytorch import FeedForward, FullQKAttention
    from reformer_pytorch.reversible import ReversibleSequence

    torch.manual_seed(0)
    sequence = ReversibleSequence([(_tanh_layers(20 + i, 3), _tanh_layers(30 + i, 3)) for i in range(3)])

    attend, mix = FullQKAttention(), FeedForward(6, 2, glu=True).double().requires_grad_(False)

    def f(x):
        out = sequence(x)
        seen = attend(mix(x), out.sin())[0]
        return (
            (out * _rand(2, 4, 6, seed=417)).sum() + out.sin().square().sum() + (seen * _rand(2, 4, 6, seed=416)).sum()
        )

    return f, {"x": _rand(2, 4, 6, seed=418)}, "reformer_pytorch"


def _geomstats():
    import os

    import numpy

    os.environ["GEOMSTATS_BACKEND"] = "pytorch"
    if not hasattr(numpy, "trapz"):
        numpy.trapz = numpy.trapezoid
    import geomstats

    return geomstats


def positive_definite_geometry():
    _geomstats()
    import geomstats.backend as gs
    from geomstats.geometry.spd_matrices import (
        SPDAffineMetric,
        SPDBuresWassersteinMetric,
        SPDLogEuclideanMetric,
        SPDMatrices,
    )

    space = SPDMatrices(3, equip=False)
    affine, bures, euclid = SPDAffineMetric(space), SPDBuresWassersteinMetric(space), SPDLogEuclideanMetric(space)

    def f(a, b, v):
        p, q, tangent = _spd(a), _spd(b), v + v.mT
        moved = affine.exp(0.3 * tangent, p)
        return (
            affine.squared_dist(p, q).sum()
            + (affine.log(q, p) * _rand(3, 3, seed=441)).sum()
            + (moved * _rand(3, 3, seed=442)).sum()
            + affine.inner_product(tangent, tangent.sin(), q).sum()
            + bures.squared_dist(p, q).sum()
            + euclid.squared_dist(p, moved).sum()
            + (gs.linalg.logm(p + 0.2 * b) * _rand(3, 3, seed=443)).sum()
        )

    return f, {"a": _rand(3, 3, seed=444), "b": _rand(3, 3, seed=445), "v": 0.5 * _rand(3, 3, seed=446)}, "geomstats"


def rigid_motion_geometry():
    _geomstats()
    from geomstats.geometry.hypersphere import Hypersphere
    from geomstats.geometry.poincare_ball import PoincareBall
    from geomstats.geometry.special_orthogonal import SpecialOrthogonal

    vectors = SpecialOrthogonal(3, point_type="vector")
    sphere, ball = Hypersphere(3), PoincareBall(3)

    def f(x, y, u, w):
        turned = vectors.matrix_from_rotation_vector(x)
        product = vectors.compose(x, y)
        p, q = u / u.norm(dim=-1, keepdim=True), w / w.norm(dim=-1, keepdim=True)
        inner, outer = 0.6 * u[:, :3].tanh(), 0.5 * w[:, :3].tanh()
        tangent = sphere.to_tangent(w, p)
        moved = sphere.metric.exp(0.4 * tangent, p)
        return (
            (turned * _rand(2, 3, 3, seed=447)).sum()
            + product.sin().sum()
            + sphere.metric.dist(p, q).sum()
            + (sphere.metric.log(q, moved) * _rand(2, 4, seed=448)).sum()
            + ball.metric.squared_dist(inner, outer).sum()
            + (ball.metric.exp(0.3 * w[:, :3], inner) * _rand(2, 3, seed=449)).sum()
            + vectors.quaternion_from_rotation_vector(y).cos().sum()
        )

    start = {"x": 0.6 * _rand(2, 3, seed=450), "y": 0.5 * _rand(2, 3, seed=451), "u": _rand(2, 4, seed=452)}
    return f, start | {"w": _rand(2, 4, seed=453)}, "geomstats"


def transport_plans():
    from torchgw._solver import _sinkhorn_differentiable

    given = _rand(4, seed=458).softmax(0), _rand(5, seed=459).softmax(0)

    given = _rand(4, seed=458).softmax(0), _rand(5, seed=459).softmax(0)

    def f(cost, a, b):
        first, second = a.softmax(0), b.softmax(0)
        plan = _sinkhorn_differentiable(cost.exp(), *given, 0.4, max_iter=3000, tol=1e-15)
        loose = _sinkhorn_differentiable(
            cost.cos() * plan.sum(0), first, second, 0.5, max_iter=40, tol=0.0, grad_mode="unrolled"
        )
        return (plan * _rand(4, 5, seed=454)).sum() + loose.square().sum() + (plan * cost).sum()

    return f, {"cost": _rand(4, 5, seed=455), "a": _rand(4, seed=456), "b": _rand(5, seed=457)}, "torchgw"


def operator_algebra():
    import linops as lo
    from linops.cg import CG

    def f(a, d, b):
        matrix = lo.aslinearoperator(a)
        diagonal = lo.DiagonalOperator(d.exp())
        normal = _spd(_rand(4, 4, seed=458))
        solved = CG(lambda v: normal @ v, rtol=1e-14, maxiter=60)(b)
        joined = lo.vstack([matrix @ diagonal, diagonal @ matrix])
        both = (matrix + 2.0 * diagonal).T @ (matrix - diagonal)
        return (
            (solved * _rand(4, seed=459)).sum()
            + (joined @ b).sin().sum()
            + (both @ solved).square().sum()
            + ((matrix / 3.0) @ (diagonal @ b)).cos().sum()
        )

    return f, {"a": _rand(4, 4, seed=460), "d": 0.5 * _rand(4, seed=461), "b": _rand(4, seed=462)}, "linops"


def bessel_functions():
    from torchgdm.tools import special

    def f(x, y, z):
        away = 1.0 + 2.0 * x.exp()
        plane = torch.complex(0.5 + y.exp(), z.exp())
        total = 0.0
        for order in (0, 1, 2):
            total = total + (special.Jn(order, away) * _rand(3, seed=463 + order)).real.sum()
            total = total + special.Yn(order, away).real.sin().sum()
            total = total + (special.H2n(order, away).imag * _rand(3, seed=463 + order)).sum()
            total = total + special.H1n(order, plane).abs().square().sum()
        return total

    return f, {"x": 0.4 * _rand(3, seed=466), "y": 0.4 * _rand(3, seed=467), "z": 0.4 * _rand(3, seed=468)}, "torchgdm"


def _without(loss_and_start, ends):
    """A driver's function and start, less the parameters that its value does not depend on."""
    f, start = loss_and_start
    return f, {name: value for name, value in start.items() if not name.endswith(ends)}


def _torchvision():
    """Operators that torchvision's import refers to and a build for another torch lacks."""
    import torch.library

    try:
        torch.ops.torchvision.nms  # noqa: B018
    except (AttributeError, RuntimeError):
        _KEPT.append(torch.library.Library("torchvision", "DEF"))
        for name in ("nms", "qnms"):
            _KEPT[-1].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_KEPT: list = []


def spline_activations():
    _torchvision()
    import deepinv as di
    from deepinv.models.deal import LinearSplineFunc, QuadraticSplineFunc

    measure, physics = di.optim.data_fidelity, di.physics.Denoising(di.physics.GaussianNoise(0.1))
    tied = measure.L2(sigma=1.3)
    low, high, zeros = _number(-2.0), _number(2.0), torch.arange(3) * 9

    def f(x, linear, smooth):
        first = LinearSplineFunc.apply(x, linear, low, high, 9, zeros)
        second = QuadraticSplineFunc.apply(first.tanh(), smooth, low, high, 9, zeros)
        close = measure.L2(sigma=0.7)(second[..., 0], first[..., 0], physics) + tied.fn(
            x[..., 0], first[..., 0], physics
        )
        return (first * _rand(1, 3, 2, 2, 1, seed=501)).sum() + second.sin().sum() + close.sum()

    return (
        f,
        {"x": _rand(1, 3, 2, 2, 1, seed=502).tanh(), "linear": _rand(3, 9, seed=503), "smooth": _rand(3, 9, seed=504)},
        "deepinv",
    )


def tomographic_physics():
    _torchvision()
    import deepinv as di

    scan = di.physics.Tomography(angles=5, img_width=8, circle=False, normalize=False, dtype=F64)
    scan = scan.to(F64)

    def f(image, counts):
        seen = scan.A(image)
        back = scan.A_adjoint(counts)
        again = scan.A(back.tanh())
        return (seen * _rand(*seen.shape, seed=505)).sum() + back.sin().sum() + 0.1 * again.square().sum()

    shape = scan.A(_rand(1, 1, 8, 8)).shape
    return f, {"image": _rand(1, 1, 8, 8, seed=506), "counts": _rand(*shape, seed=507)}, "deepinv"


def blurred_imaging():
    _torchvision()
    import deepinv as di
    from deepinv.optim.linear import least_squares

    def f(image, kernel, data):
        blur = di.physics.Blur(filter=kernel, padding="circular")
        seen = blur.A(image)
        back = blur.A_adjoint(data)
        solved = least_squares(
            A=blur.A, AT=blur.A_adjoint, y=data, z=image, gamma=0.7, solver="CG", max_iter=80, tol=1e-14
        )
        fidelity = di.optim.data_fidelity.L2(sigma=0.8)
        prior = di.optim.prior.TVPrior(n_it_max=5)
        return (
            (seen * _rand(*seen.shape, seed=508)).sum()
            + back.cos().sum()
            + (solved * _rand(1, 1, 6, 6, seed=509)).sum()
            + fidelity(image, data, blur).sum()
            + prior.fn(image).sum()
        )

    start = {"image": _rand(1, 1, 6, 6, seed=510), "kernel": 0.3 * _rand(1, 1, 3, 3, seed=511)}
    return f, start | {"data": _rand(1, 1, 6, 6, seed=512)}, "deepinv"


def registration_losses():
    from monai.losses import (
        BendingEnergyLoss,
        DiffusionLoss,
        GlobalMutualInformationLoss,
        LocalNormalizedCrossCorrelationLoss,
    )
    from monai.networks.blocks.activation import MemoryEfficientSwish, SwishImplementation

    swish = SwishImplementation.apply
    bend, spread = BendingEnergyLoss(normalize=True), DiffusionLoss(normalize=True)
    mutual = GlobalMutualInformationLoss(num_bins=6)
    correlate = LocalNormalizedCrossCorrelationLoss(spatial_dims=2, kernel_type="triangular")

    def f(image, target, field):
        warped = image * swish(field[:, :1]) + target
        return (
            10.0 * correlate(warped, target)
            + bend(field)
            + spread(swish(field))
            + 10.0 * mutual(image.sigmoid(), target.sigmoid())
            + MemoryEfficientSwish()(warped).sum()
        )

    start = {"image": _rand(1, 1, 8, 8, seed=513), "target": _rand(1, 1, 8, 8, seed=514)}
    return f, start | {"field": _rand(1, 2, 8, 8, seed=515)}, "monai"


def segmentation_losses():
    from monai.losses import DiceCELoss, GeneralizedDiceLoss, TverskyLoss
    from monai.networks.blocks import MLPBlock, SABlock
    from monai.networks.blocks.activation import SwishImplementation

    torch.manual_seed(0)
    net = torch.nn.ModuleDict({"attend": SABlock(4, 2), "mix": MLPBlock(4, 6), "last": torch.nn.Linear(4, 3)})
    labels = torch.nn.functional.one_hot(torch.arange(10) % 3, 3).T[None].double()

    def loss(m):
        x = _rand(1, 10, 4, seed=516)
        hidden = x + m["attend"](SwishImplementation.apply(x))
        scores = m["last"](hidden + m["mix"](hidden)).transpose(1, 2)
        return (
            DiceCELoss(softmax=True)(scores, labels)
            + GeneralizedDiceLoss(softmax=True)(scores, labels)
            + TverskyLoss(softmax=True, alpha=0.3, beta=0.7)(scores, labels)
        )

    return *_module_loss(net, loss, 517), "monai"


def graph_convolutions():
    from torch_geometric.nn import GATv2Conv, GCNConv, GENConv, GraphNorm, SAGEConv, global_add_pool
    from torch_geometric.utils import cross_entropy

    edges = torch.tensor([[0, 1, 1, 2, 3, 4, 4, 5, 0, 2], [1, 0, 2, 1, 4, 3, 5, 4, 2, 0]])
    batch, labels = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([[0, 0, 1, 3, 5], [1, 2, 0, 3, 1]])
    torch.manual_seed(0)
    net = torch.nn.ModuleDict({
        "first": GCNConv(3, 4), "attend": GATv2Conv(4, 2, heads=2), "sage": SAGEConv(4, 4), "norm": GraphNorm(4),
        "soft": GENConv(4, 4, aggr="softmax", learn_t=True, norm="layer"),
    })  # fmt: skip

    def loss(m):
        x = m["first"](_rand(6, 3, seed=550), edges, torch.linspace(0.5, 1.5, 10, dtype=F64)).tanh()
        x = x + m["attend"](x, edges).sin()
        x = m["norm"](m["sage"](x, edges), batch)
        x = x + m["soft"](x, edges)
        return cross_entropy.sparse_cross_entropy(x, labels) + (global_add_pool(x, batch) * _rand(2, 4, seed=551)).sum()

    return *_module_loss(net, loss, 552), "torch_geometric"


def molecular_graph_networks():
    from torch_geometric.nn.models import SchNet
    from torch_geometric.utils.cross_entropy import sparse_cross_entropy

    torch.manual_seed(0)
    pairs = torch.tensor([[0, 0, 1, 1, 2, 2, 3, 4], [1, 2, 0, 2, 0, 1, 4, 3]])

    def graph(places, _):
        return pairs, (places[pairs[0]] - places[pairs[1]]).norm(dim=-1)

    net = SchNet(6, 5, num_interactions=2, num_gaussians=6, cutoff=6.0, interaction_graph=graph)
    net = net.double().requires_grad_(False)
    heavy = _rand(4, seed=573).sigmoid()
    kinds, batch = torch.tensor([1, 6, 8, 1, 7]), torch.tensor([0, 0, 0, 1, 1])

    def f(places, scores, weight):
        energy = net(kinds, places, batch)
        links = torch.tensor([[0, 1, 2, 2], [1, 0, 2, 1]])
        entropy = sparse_cross_entropy(scores * energy.tanh().sum(), links, heavy)
        return energy.sum() + entropy + (scores.sin() * weight.mean()).square().sum()

    start = {"places": 1.5 * _rand(5, 3, seed=570), "scores": _rand(3, 3, seed=571), "weight": _rand(4, seed=572)}
    return f, start, "torch_geometric"


def custom_activations():
    from echoAI.Activation.Torch import functional as act
    from echoAI.Activation.Torch.apl import APL
    from echoAI.Activation.Torch.brelu import BReLU
    from echoAI.Activation.Torch.soft_exponential import SoftExponential

    apl, srelu = APL(6, 2, _rand(2, 6, seed=604), _rand(2, 6, seed=605)), SoftExponential(6, 0.3)

    def f(x, y):
        pieces = [
            act.mish(x), act.aria2(x), act.beta_mish(x), act.eswish(x), act.swish(x), act.mila(x), act.isru(x),
            act.bent_id(x), act.soft_clipping(x), act.weighted_tanh(x, 1.3), act.elish(x), BReLU.apply(x),
            act.isrlu(x), BReLU.apply(y * act.sqnl(x)),
        ]  # fmt: skip
        mixed = sum((p * _rand(4, 6, seed=580 + i)).sum() for i, p in enumerate(pieces))
        return mixed + (apl(y) * _rand(4, 6, seed=603)).sum() + srelu(x).sin().sum()

    return f, {"x": _rand(4, 6, seed=600), "y": _rand(4, 6, seed=601)}, "echoAI"


def tempered_losses():
    _torchvision()
    from pytorch_toolbelt.losses.bitempered_loss import bi_tempered_logistic_loss, tempered_softmax
    from pytorch_toolbelt.modules.activations import mish, swish

    labels = torch.tensor([0, 2, 1, 1])

    def f(x, w):
        scores = mish(x @ w) + swish(x @ w.sin())
        return (
            bi_tempered_logistic_loss(scores, labels, 0.8, 1.3, num_iters=60).sum()
            + bi_tempered_logistic_loss(scores, labels, 0.7, 1.2, label_smoothing=0.1, num_iters=60).square().sum()
            + (tempered_softmax(scores, 1.4, 60) * _rand(4, 3, seed=603)).sum()
        )

    return f, {"x": _rand(4, 5, seed=604), "w": 0.6 * _rand(5, 3, seed=605)}, "pytorch_toolbelt"


def integral_flow():
    from torchflows.bijections.finite.autoregressive.architectures import NICE
    from torchflows.bijections.finite.autoregressive.util import gauss_legendre
    from torchflows.flows import Flow

    torch.manual_seed(0)
    flow, mix = Flow(NICE(2, n_layers=2)).double().requires_grad_(False), _rand(1, 2, seed=605)

    def rate(t, h):
        return (h[0] * t).sin().exp() + 0.3 * t.square()

    def f(low, high, h):
        area = gauss_legendre(rate, low, high, 9, (h,))
        inner = gauss_legendre(rate, low.sin(), area.tanh(), 7, (h.exp(),))
        return (area * _rand(3, 1, 1, seed=606)).sum() + inner.square().sum() + flow.log_prob(area[:, 0] * mix).sum()

    return (
        f,
        {"low": _rand(3, 1, 1, seed=607), "high": 1.0 + _rand(3, 1, 1, seed=608), "h": _rand(3, 1, 1, seed=609)},
        "torchflows",
    )


def density_flows():
    from torchflows.bijections.finite.autoregressive.architectures import MAF, CouplingRQNSF, RealNVP
    from torchflows.flows import Flow

    torch.manual_seed(0)
    flows = torch.nn.ModuleList(
        [Flow(RealNVP(3, n_layers=2)), Flow(MAF(3, n_layers=2)), Flow(CouplingRQNSF(3, n_layers=1))]
    )

    def loss(m):
        x = _rand(4, 3, seed=610)
        return sum(flow.log_prob(x + 0.1 * i).sum() for i, flow in enumerate(m)) + m[0].bijection(x)[0].sin().sum()

    return *_without(_module_loss(flows, loss, 611), ("theta_flat",)), "torchflows"


def implicit_regression():
    import torchopt

    def stationary(w, x, y, ridge):
        return x.T @ (x @ w - y) + ridge.exp() * w + 0.1 * w**3

    @torchopt.diff.implicit.custom_root(
        stationary, argnums=(1, 2, 3), solve=torchopt.linear_solve.solve_normal_cg(maxiter=60, atol=1e-15, rtol=0.0)
    )
    def solver(w, x, y, ridge):
        for _ in range(40):
            g = stationary(w, x, y, ridge)
            w = w - torch.linalg.solve(x.T @ x + torch.diag(ridge.exp() + 0.3 * w**2), g)
        return w

    def f(x, y, ridge):
        found = solver(torch.zeros(3, dtype=F64), x, y, ridge)
        optimizer = torchopt.FuncOptimizer(torchopt.adam(lr=0.1))
        inner = (y[:3].sin(),)
        for _ in range(3):
            inner = optimizer.step(stationary(inner[0], x, y, ridge).square().sum(), inner)
        return (found * _rand(3, seed=630)).sum() + found.square().sum() + (inner[0] * _rand(3, seed=634)).sum()

    return f, {"x": _rand(6, 3, seed=631), "y": _rand(6, seed=632), "ridge": 0.3 * _rand(3, seed=633)}, "torchopt"


def elastic_systems():
    from torchfem.materials import IsotropicElasticity3D, OrthotropicElasticity3D
    from torchfem.sparse import differentiable_sparse_solve

    rows, columns = torch.arange(6).repeat_interleave(6), torch.arange(6).repeat(6)

    def f(modulus, poisson, stiff, load):
        soft = IsotropicElasticity3D(E=modulus.exp(), nu=0.4 * poisson.sigmoid())
        wood = OrthotropicElasticity3D(
            *(modulus[:1].exp() + 0.1 * k for k in range(1, 4)), *(0.1 * poisson[:1].sigmoid() for _ in range(3)),
            *(modulus[1:].exp() for _ in range(3)),
        )  # fmt: skip
        values = _spd(stiff).reshape(-1)
        matrix = torch.sparse_coo_tensor(torch.stack([rows, columns]), values, (6, 6)).coalesce()
        first = differentiable_sparse_solve(matrix, load)
        second = differentiable_sparse_solve(matrix, first.sin() + load)
        return (first * _rand(6, seed=640)).sum() + second.square().sum() + _mixed((soft.C, wood.C), 641)

    start = {"modulus": 0.4 * _rand(2, seed=642), "poisson": _rand(2, seed=643), "stiff": _rand(6, 6, seed=644)}
    return f, start | {"load": _rand(6, seed=645)}, "torchfem"


def thin_plate_warps():
    from torch_tps import ThinPlateSpline

    x, at = _rand(7, 2, seed=651), _rand(4, 2, seed=653)

    def f(y):
        spline = ThinPlateSpline(alpha=0.3).fit(x, y)
        rough = ThinPlateSpline(alpha=0.1, order=3).fit(x, y.sin() + spline.transform(x))
        return (spline.transform(at) * _rand(4, 2, seed=650)).sum() + rough.transform(at).square().sum()

    return f, {"y": _rand(7, 2, seed=652)}, "torch_tps"


def polyharmonic_interpolation():
    from pyharmx import PolyHarmInterpolator

    def f(x, y, at):
        total = 0.0
        for order in (2, 3):
            fitted = PolyHarmInterpolator(c=x, f=y, order=order, smoothing=0.1, dtype=F64)
            total = total + (fitted(at) * _rand(1, 4, 2, seed=654 + order)).sum()
        return total

    return f, {"x": _rand(1, 7, 2, seed=657), "y": _rand(1, 7, 2, seed=658), "at": _rand(1, 4, 2, seed=659)}, "pyharmx"


def contour_descriptors():
    import torch_efd as te

    angles = torch.linspace(0.0, 6.0, 16, dtype=F64)
    circle = torch.stack([angles.cos(), 0.6 * angles.sin()], -1)

    def f(bumps, turn, scale):
        contour = circle + 0.1 * bumps
        contour = torch.cat([contour, contour[:1]])
        efds = te.compute_efds(contour, 5)
        moved = te.scale_efds(te.rotate_efds(efds, turn), scale.exp())
        shape = te.reconstruct_efds(moved, 20)
        normals = te.reconstruct_normals(efds, 12, normed=True)
        return (
            (shape * _rand(*shape.shape, seed=660)).sum()
            + te.compute_curvature(moved, 15).tanh().sum()
            + te.integrate_total_length(efds)
            + te.compute_area(moved)
            + (normals * _rand(*normals.shape, seed=661)).sum()
            + te.compute_arclens(te.normalize_efds(efds), 9).sin().sum()
        )

    return f, {"bumps": _rand(16, 2, seed=662), "turn": _number(0.4), "scale": _number(0.2)}, "torch_efd"


def screw_kinematics():
    import pytorch_mr as mr

    offsets = torch.eye(4, dtype=F64).repeat(4, 1, 1)
    offsets[:, :3, 3] = 0.3 * _rand(4, 3, seed=663)
    screws = _rand(6, 3, seed=668)
    screws = torch.cat([screws[:3] / screws[:3].norm(dim=0), screws[3:]])

    def f(angles, speeds, twist):
        move = mr.MatrixExp6(mr.VecTose3(twist))
        back = mr.se3ToVec(mr.MatrixLog6(move @ mr.TransInv(move.flip(0))))
        turned = mr.MatrixExp3(mr.VecToso3(twist[:, :3]))
        batch = [part[None].expand(2, *part.shape) for part in (offsets, screws)]
        there = mr.FKinSpace(batch[0][:, 0], batch[1], angles)
        sight = mr.JacobianSpace(batch[1], angles)
        other = mr.FKinBody(batch[0][:, 1], batch[1], speeds)
        felt = mr.JacobianBody(batch[1], speeds)
        return (
            (move * _rand(2, 4, 4, seed=669)).sum()
            + back.sin().sum()
            + mr.so3ToVec(mr.MatrixLog3(turned @ turned.flip(0))).square().sum()
            + (mr.Adjoint(move) * _rand(2, 6, 6, seed=670)).sum()
            + (mr.ad(twist) @ twist.sin()[..., None]).cos().sum()
            + _mixed((there, sight, other, felt), 720)
        )

    start = {"angles": _rand(2, 3, seed=671), "speeds": _rand(2, 3, seed=672), "twist": 0.5 * _rand(2, 6, seed=673)}
    return f, start, "pytorch_mr"


def random_fields():
    from diffgrf import DifferentiableGRF

    def f(variance, lengths, angle, at):
        total = 0.0
        for index, kernel in enumerate(("gau", "mat")):
            field = DifferentiableGRF(
                kernel, 2, variance.exp(), lengths.exp(), seed=index, mode_no=30, angles=angle, nu=1.5
            )
            values = field.unstructured(at)
            total = total + (values * _rand(*values.shape, seed=674 + index)).sum() + values.sin().sum()
        return total

    start = {"variance": _number(0.3), "lengths": torch.tensor([0.3, -0.2], dtype=F64), "angle": _number(0.6)}
    return f, start | {"at": _rand(5, 2, seed=676)}, "diffgrf"


def thin_film_stacks():
    from tmm_fast import coh_tmm

    waves = torch.linspace(0.4, 0.8, 4, dtype=F64)

    def f(index, loss, thick, angle):
        inside = torch.complex(1.5 + index.sigmoid(), 0.1 * loss.sigmoid())
        edge = torch.ones(2, 1, dtype=torch.complex128)
        stack = torch.cat([edge, inside, 1.4 * edge], 1)[..., None].expand(2, 5, 4)
        infinite = torch.full((2, 1), torch.inf, dtype=F64)
        depth = torch.cat([infinite, 0.2 * thick.exp(), infinite], 1)
        total = 0.0
        for k, pol in enumerate(("s", "p")):
            out = coh_tmm(pol, stack, depth, 0.3 + 0.3 * angle.sigmoid(), waves)
            total = total + (out["R"] * _rand(*out["R"].shape, seed=677 + k)).sum() + out["T"].sin().sum()
            total = total + (out["t"] * out["r"].conj()).real.sum()
        return total

    start = {"index": _rand(2, 3, seed=679), "loss": _rand(2, 3, seed=680), "thick": 0.3 * _rand(2, 3, seed=681)}
    return f, start | {"angle": _rand(2, seed=682)}, "tmm_fast"


def wavelet_transforms():
    import torchwavelets as tw

    def f(image, line):
        low, high = tw.dwt1d(line, "db2", "periodization", 2)[:2]
        coefficients = tw.dwt2d(image, "db2", "zero", 1)
        rebuilt = tw.idwt2d(coefficients, "db2", "zero")
        scales = tw.swt1d(line.sin(), "haar", 2)
        steady = tw.iswt1d(scales, "haar")
        return _mixed((low, high, coefficients, rebuilt, scales, steady), 683)

    return f, {"image": _rand(1, 1, 8, 8, seed=684), "line": _rand(1, 1, 16, seed=685)}, "torchwavelets"


def _mixed(values, seed):
    """A generic number of the tensors in nested containers."""
    if torch.is_tensor(values):
        values = torch.view_as_real(values) if values.is_complex() else values.reshape(values.shape or (1,))
        return (values * _rand(*values.shape, seed=seed)).sum() + 0.3 * values.square().sum()
    if not isinstance(values, (dict, list, tuple)):
        return 0.0
    values = values.values() if isinstance(values, dict) else values
    return sum(_mixed(v, 10 * seed + i) for i, v in enumerate(values) if v is not None)


def complex_wavelets():
    import torchwavelets as tw

    forward, back, scatter = tw.DTCWT2D(J=2), tw.IDTCWT2D(), tw.DTCWTScattering(J=2)

    def f(image):
        coefficients = forward(image)
        rebuilt = back(coefficients)
        scattered = scatter(image.sin())
        return _mixed((coefficients, rebuilt, scattered), 686)

    return f, {"image": _rand(1, 1, 8, 8, seed=687)}, "torchwavelets"


def hedging_measures():
    from pfhedge.nn import functional as pf

    def f(spot, unit, time, volatility, surface):
        paths, deviation, left = 1.0 + 0.1 * spot.cumsum(-1).tanh(), 0.3 * volatility.exp(), time.exp()
        moneyness = paths[:, :4].log()
        gains = pf.pl(paths[:, None], unit[:, None], cost=[1e-2], payoff=pf.lookback_payoff(paths, strike=0.9))
        greeks = [
            pf.bs_european_price(moneyness, left, deviation), pf.bs_european_delta(moneyness, left, deviation),
            pf.bs_european_gamma(moneyness, left, deviation), pf.bs_european_vega(moneyness, left, deviation, 1.1),
            pf.bs_european_theta(moneyness, left, deviation, 1.2),
            pf.bs_european_binary_price(moneyness, left, deviation),
            pf.bs_lookback_price(moneyness, torch.full((3, 4), 0.3, dtype=F64), left, deviation, 1.0),
            pf.svi_variance(moneyness, 0.04, surface[0].exp(), surface[1].tanh(), surface[2], surface[3].exp()),
        ]  # fmt: skip
        return (
            pf.entropic_risk_measure(gains, 1.5)
            + pf.exp_utility(gains, 0.7).sum()
            + pf.expected_shortfall(gains, 0.6)
            + pf.realized_volatility(paths, 0.1).sum()
            + _mixed(greeks, 688)
        )

    start = {"spot": _rand(3, 5, seed=689), "unit": _rand(3, 5, seed=690), "time": 0.3 * _rand(3, 4, seed=691)}
    return f, start | {"volatility": 0.3 * _rand(3, 4, seed=692), "surface": 0.4 * _rand(4, seed=693)}, "pfhedge"


def hyperbolic_embedding():
    from torchdr.utils.manifold import PoincareBallManifold

    ball, fixed = PoincareBallManifold(), 0.4 * _rand(4, 3, seed=751).tanh()

    def f(x, y, v):
        p, q, c = 0.5 * x.tanh(), 0.4 * y.tanh(), _number(1.0)
        return _mixed([
            ball.sqdist(p, q, c), ball.expmap(0.3 * v, fixed, c), ball.expmap0(0.3 * v, c), ball.logmap(fixed, q, c),
            ball.logmap0(q, c), ball.mobius_add(p, q, c), ball.ptransp(fixed, fixed.flip(0), v, c),
            ball.ptransp0(fixed, v.sin(), c), ball.mobius_matvec(v.T @ v, q, c), ball.proj(p + q, c),
        ], 694)  # fmt: skip

    return f, {"x": _rand(4, 3, seed=695), "y": _rand(4, 3, seed=696), "v": _rand(4, 3, seed=697)}, "torchdr"


def cumulative_transports():
    from torchcdt.functional import cdt, icdt

    grid = torch.linspace(-1.0, 1.0, 12, dtype=F64)[None]

    def f(signal, other):
        first = cdt(signal.exp(), grid)
        second = cdt(other.exp() * signal.sigmoid(), grid)
        return _mixed((first, second, icdt(0.9 * first + 0.1 * grid, grid)), 698)

    return f, {"signal": 0.5 * _rand(2, 12, seed=699), "other": 0.5 * _rand(2, 12, seed=700)}, "torchcdt"


def wavelet_packets():
    from wavepack.wavelet_packet import fwpt, get_wavelet_filters, ifwpt

    filters = [w.double() for w in get_wavelet_filters("db2")]

    def f(image, bend):
        low, high = filters[0] + 0.1 * bend[0], filters[1] + 0.1 * bend[1]
        packed = fwpt(image, low, high, levels=2)
        back = ifwpt(packed.tanh(), low, high, levels=2)
        return _mixed((packed, back), 701)

    return f, {"image": _rand(1, 1, 16, 16, seed=702), "bend": _rand(2, 4, seed=703)}, "wavepack"


def linear_imaging_operators():
    import minimal_linop as lo

    def f(image, kernel, gain):
        blur, weigh, gradient = lo.LinOpConv(kernel), lo.LinOpMul(gain), lo.LinOpGrad(2)
        corner = lo.LinOpCrop((6, 6), (4, 4))
        rolled = lo.LinOpRoll(2, -1) @ lo.LinOpFlip(-2)
        both = weigh @ blur
        return _mixed(
            (
                both(image),
                both.H(image.sin()),
                gradient(image),
                corner(image.cos()),
                rolled(image),
                (weigh + blur)(image),
            ),
            704,
        )

    return (
        f,
        {"image": _rand(6, 6, seed=705), "kernel": _rand(6, 6, seed=706), "gain": _rand(6, 6, seed=707)},
        "minimal_linop",
    )


def geometric_attention():
    from ezgatr.nn import functional as ga

    def f(x, y, weight, bias):
        product = ga.geometric_product(x, y)
        joined = ga.equi_join(x, y, product)
        mapped = ga.equi_linear(product, weight, bias)
        heads = mapped[:, None], joined[:, None], product[:, None]
        attended = ga.equi_geometric_attention(*heads, kinds={"ipa": None, "daa": None})
        return _mixed((attended, ga.scaler_gated_gelu(mapped), ga.equi_rms_norm(joined), ga.inner_product(x, y)), 708)

    start = {"x": _rand(2, 3, 4, 16, seed=709), "y": _rand(2, 3, 4, 16, seed=710), "weight": _rand(4, 4, 9, seed=711)}
    return f, start | {"bias": _rand(4, seed=712)}, "ezgatr"


def crystal_orientations():
    from laue_torch import geometry, rasterize

    def f(turn, quaternion, lattice, strain, spots):
        first = geometry.rodrigues_to_matrix(turn)
        second = geometry.quat_to_matrix(quaternion)
        cell = torch.cat([4.0 + lattice[:3].tanh(), 90.0 + 10.0 * lattice[3:].tanh()])
        reciprocal = geometry.reciprocal_matrix(cell)
        px, py = 4.0 + spots[0], 4.0 + spots[1]
        image = rasterize.gaussian_splat(px, py, spots[2].exp(), (9, 9), 0.9, 7)
        window = rasterize.soft_window(spots[0], -1.0, 1.0, 0.3)
        return _mixed(
            (first @ second @ reciprocal, geometry.voigt_to_symmetric(strain) @ reciprocal, image, window), 713
        )

    start = {"turn": _rand(2, 3, seed=714), "quaternion": _rand(2, 4, seed=715), "lattice": _rand(6, seed=716)}
    return f, start | {"strain": _rand(6, seed=717), "spots": 0.4 * _rand(3, 4, seed=718)}, "laue_torch"


def curve_spaces():
    _geomstats()
    from geomstats.geometry.grassmannian import Grassmannian
    from geomstats.geometry.hyperboloid import Hyperboloid
    from geomstats.geometry.poincare_half_space import PoincareHalfSpace
    from geomstats.geometry.pre_shape import PreShapeSpace
    from geomstats.geometry.special_euclidean import SpecialEuclidean

    motions, shapes = SpecialEuclidean(3, point_type="vector"), PreShapeSpace(4, 2)
    planes, hyper, half = Grassmannian(4, 2), Hyperboloid(2), PoincareHalfSpace(2)

    def f(x, y, u, w):
        both = motions.compose(x, y)
        back = motions.inverse(both)
        first, second = shapes.projection(u), shapes.projection(w)
        near = torch.linalg.qr(u[0])[0]
        far = torch.linalg.qr(u[0] + 0.4 * w[0])[0]
        p, q = near @ near.T, far @ far.T
        low, high = hyper.from_coordinates(u[:, 0], "intrinsic"), hyper.from_coordinates(w[:, 1], "intrinsic")
        lift = torch.stack([u[:, 1, 0], u[:, 1, 1].exp()], -1)
        return _mixed((
            motions.matrix_from_vector(both), back, first, second, shapes.metric.squared_dist(first, second),
            planes.metric.squared_dist(p, q), hyper.metric.dist(low, high), hyper.metric.log(high, low),
            half.metric.exp(0.3 * w[:, 1], lift),
        ), 723)  # fmt: skip

    start = {"x": 0.6 * _rand(2, 6, seed=724), "y": 0.5 * _rand(2, 6, seed=725), "u": _rand(2, 4, 2, seed=726)}
    return f, start | {"w": _rand(2, 4, 2, seed=727)}, "geomstats"


def image_warps():
    from monai.networks.blocks import DVF2DDF, ResidualUnit, SEBlock, TransformerBlock, Warp
    from monai.networks.blocks.activation import SwishImplementation

    torch.manual_seed(0)
    net = torch.nn.ModuleDict({
        "block": TransformerBlock(4, 6, 2),
        "squeeze": SEBlock(2, 3, 2, 2, 3, r=1, acti_type_1="swish", acti_type_2="sigmoid"),
        "unit": ResidualUnit(2, 3, 2, norm=("INSTANCE", {"affine": True}), act="swish", subunits=1),
    })  # fmt: skip
    warp, integrate = Warp(), DVF2DDF(num_steps=2)

    def loss(m):
        image = _rand(1, 3, 6, 6, seed=728)
        field = m["unit"](m["squeeze"](image))
        moved = warp(image, SwishImplementation.apply(integrate(0.3 * field.tanh() + 0.2)))
        return _mixed((moved, m["block"](_rand(1, 5, 4, seed=729))), 730)

    dead = (
        "norm_cross_attn_weight",
        "norm_cross_attn_bias",
        "conv1_conv_bias",
        "conv2_conv_bias",
        "conv3_conv_bias",
        "unit0_conv_bias",
    )
    return *_without(_module_loss(net, loss, 731), dead), "monai"


def relaxation_models():
    _torchvision()
    import mrpro.operators as op
    from mrpro.operators import models

    times = torch.tensor([0.1, 0.4, 0.9, 1.6], dtype=F64)
    inversion, decay = models.InversionRecovery(times), models.MonoExponentialDecay(times)
    saturation, locker = models.SaturationRecovery(times), models.MOLLI(times)
    matrix = op.EinsumOp(
        torch.complex(_spd(_rand(4, 4, seed=732)), torch.zeros(4, 4, dtype=F64)), "i j, ... j -> ... i"
    )

    inverse = op.ConjugateGradientOp(lambda _: matrix, lambda b: (b,), tolerance=1e-14, max_iterations=80)
    echo, offset = models.SpoiledGRE(0.3, 0.1, 0.02), models.WASABI(torch.tensor([-40.0, -10.0, 15.0, 50.0], dtype=F64))

    def f(m0, t1, c, real, imaginary):
        data = torch.complex(real, imaginary)
        solved = inverse(data)[0]
        back = matrix.H(data * data.abs())[0]
        return _mixed((
            inversion(m0, t1.exp())[0], decay(m0, t1.exp())[0], saturation(m0, t1.exp())[0],
            locker(m0, 1.0 + c.sigmoid(), t1.exp())[0], solved, 0.01 * back,
            echo(m0, t1.exp(), c.exp())[0], offset(10.0 * m0, 1.0 + 0.1 * c, t1, t1.sin())[0],
            op.functionals.MSE(data)(solved)[0], op.functionals.L2NormSquared()(0.01 * back)[0],
            op.FiniteDifferenceOp(dim=(-1,), mode="forward")(data)[0], op.FastFourierOp(dim=(-1,))(data)[0],
        ), 733)  # fmt: skip

    start = {"m0": _rand(3, seed=734), "t1": 0.4 * _rand(3, seed=735), "c": _rand(3, seed=736)}
    return f, start | {"real": _rand(2, 4, seed=737), "imaginary": _rand(2, 4, seed=738)}, "mrpro"


def orthant_probabilities():
    from botorch.test_functions.synthetic import Ackley, Hartmann, Levy
    from botorch.utils.probability.mvnxpb import MVNXPB
    from botorch.utils.safe_math import fatmax, log_fatplus, logdiffexp, logplusexp, smooth_amax

    def f(a, low, wide, x):
        bounds = torch.stack([low, low + 0.5 + wide.exp()], -1)
        mass = MVNXPB(covariance_matrix=_spd(a), bounds=bounds).solve()
        unit = x.sigmoid()
        return (
            mass.sum()
            + Hartmann(dim=6)(unit).sum()
            + Ackley(dim=6)(unit).sin().sum()
            + Levy(dim=6)(unit).cos().sum()
            + smooth_amax(x, tau=0.3).sum()
            + fatmax(x, dim=-1, tau=0.2).sum()
            + log_fatplus(x, tau=0.4).sum()
            + logplusexp(x, x.sin()).sum()
            + logdiffexp(x, x + wide.exp().sum()).tanh().sum()
        )

    start = {"a": _rand(4, 4, seed=739), "low": _rand(4, seed=740) - 1.0, "wide": 0.4 * _rand(4, seed=741)}
    return f, start | {"x": _rand(2, 6, seed=742)}, "botorch"


def histogram_likelihoods():
    import pyhf

    pyhf.set_backend("pytorch", precision="64b")
    model = pyhf.simplemodels.uncorrelated_background([5.0, 8.0, 6.0], [50.0, 60.0, 55.0], [5.0, 7.0, 6.0])
    other = pyhf.simplemodels.correlated_background([4.0, 7.0], [40.0, 50.0], [44.0, 58.0], [37.0, 44.0])

    def f(strengths, shifts, data):
        seen = torch.cat([55.0 + 3.0 * data, torch.tensor(model.config.auxdata, dtype=F64)])
        again = torch.cat([48.0 + 3.0 * data[:2], torch.tensor(other.config.auxdata, dtype=F64)])
        return (
            model.logpdf(strengths.exp(), seen).sum()
            + other.logpdf(torch.stack([shifts[0], shifts[1].exp()]), again).sum()
            + _mixed(model.expected_data(strengths.exp()).sin(), 743)
        )

    start = {"strengths": 0.2 * _rand(4, seed=744), "shifts": 0.5 * _rand(2, seed=745)}
    return f, start | {"data": _rand(3, seed=746)}, "pyhf"


def attention_graphs():
    from torch_geometric.nn import APPNP, ChebConv, GINConv, GlobalAttention, SGConv, TransformerConv
    from torch_geometric.utils.cross_entropy import sparse_cross_entropy

    edges = torch.tensor([[0, 1, 1, 2, 3, 4, 4, 5, 0, 2], [1, 0, 2, 1, 4, 3, 5, 4, 2, 0]])
    batch, labels = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([[0, 1, 3, 4], [1, 2, 0, 2]])
    torch.manual_seed(0)
    net = torch.nn.ModuleDict({
        "first": ChebConv(3, 4, 3), "attend": TransformerConv(4, 2, heads=2, edge_dim=2), "spread": APPNP(2, 0.3),
        "inner": GINConv(torch.nn.Linear(4, 4), train_eps=True), "plain": SGConv(4, 4, 2),
        "pool": GlobalAttention(torch.nn.Linear(4, 1)),
    })  # fmt: skip

    def loss(m):
        x = m["first"](_rand(6, 3, seed=747), edges).tanh()
        x = x + m["attend"](x, edges, _rand(10, 2, seed=748))
        x = m["spread"](m["inner"](x, edges), edges) + m["plain"](x, edges).sin()
        return sparse_cross_entropy(x, labels) + _mixed(m["pool"](x, batch), 749)

    return *_without(_module_loss(net, loss, 750), ("lin_key_bias", "gate_nn_bias")), "torch_geometric"


def implicit_least_squares():
    _torchvision()
    import deepinv as di
    from deepinv.optim.linear import least_squares_implicit_backward

    blur = di.physics.Blur(filter=_rand(1, 1, 3, 3, seed=760).softmax(-1) / 3.0, padding="circular")
    loss = di.optim.data_fidelity.L2(sigma=0.9)

    def f(data, prior, gamma):
        found = least_squares_implicit_backward(
            blur, data, prior, gamma=0.5 + gamma.exp(), solver="CG", max_iter=100, tol=1e-14
        )
        step = found - 0.3 * loss.grad(found.sin(), data, blur)
        ridge = di.optim.prior.Tikhonov()
        pulled = ridge.prox(step, gamma=0.7) + ridge.grad(step.sin())
        return _mixed((found, step, pulled), 761) + di.loss.MSE()(found, data).sum()

    start = {"data": _rand(1, 1, 6, 6, seed=762), "prior": _rand(1, 1, 6, 6, seed=763), "gamma": _number(0.2)}
    return f, start, "deepinv"


def fourier_encoding():
    _torchvision()
    import mrpro.operators as op

    grid = op.FiniteDifferenceOp(dim=(-2, -1), mode="central")
    fast = op.FastFourierOp(dim=(-2, -1), recon_matrix=(6, 6), encoding_matrix=(8, 8))
    waves = op.WaveletOp(domain_shape=(8, 8), dim=(-2, -1), wavelet_name="haar", level=1)

    def f(real, imaginary, maps):
        image = torch.complex(real, imaginary)
        coils = op.SensitivityOp(torch.complex(maps, maps.sin()))
        seen = (fast @ coils)(image)[0]
        back = (coils.H @ fast.H)(seen * seen.abs())[0]
        normal = coils.H @ coils + 0.5
        solved = inverse(back.tanh())
        return _mixed((seen, 0.1 * back, normal(image)[0], grid(image)[0], solved[0], waves(seen[..., :8, :8])[0]), 764)

    fixed = torch.complex(_rand(1, 2, 1, 6, 6, seed=765), _rand(1, 2, 1, 6, 6, seed=766))
    steady = op.SensitivityOp(fixed).H @ op.SensitivityOp(fixed) + 0.7
    inverse = op.ConjugateGradientOp(lambda _: steady, lambda b: (b,), tolerance=1e-14, max_iterations=90)
    start = {"real": _rand(1, 1, 1, 6, 6, seed=767), "imaginary": _rand(1, 1, 1, 6, 6, seed=768)}
    return f, start | {"maps": _rand(1, 2, 1, 6, 6, seed=769)}, "mrpro"


def graph_matrix_products():
    from torch_geometric import EdgeIndex
    from torch_geometric.nn import GatedGraphConv, ResGatedGraphConv
    from torch_geometric.utils import get_laplacian, softmax, to_dense_adj

    pairs = torch.tensor([[0, 0, 1, 1, 2, 3, 3, 4], [1, 2, 0, 3, 0, 1, 4, 3]])
    edges = EdgeIndex(pairs, sparse_size=(5, 5), sort_order="row")
    torch.manual_seed(0)
    net = torch.nn.ModuleDict({"gated": GatedGraphConv(3, 2), "residual": ResGatedGraphConv(3, 3)})

    def loss(m):
        x = _rand(5, 3, seed=770)
        y = m["residual"](m["gated"](x, pairs), pairs)
        product = edges.matmul(y.tanh(), input_value=_rand(8, seed=771))
        weights = softmax((y[pairs[0]] * y[pairs[1]]).sum(-1), pairs[0])
        index, values = get_laplacian(pairs, weights, normalization="sym", num_nodes=5)
        return _mixed((product, weights, to_dense_adj(index, edge_attr=values)), 772)

    return *_module_loss(net, loss, 773), "torch_geometric"


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_")
}

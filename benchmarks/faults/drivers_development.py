"""Functions of parameters over the development packages; each gives (function, parameters, package)."""

# ruff: noqa: ARG005, E741 - fields of equations take a time; the formulas are their authors'

from __future__ import annotations

import torch

F64 = torch.float64


def _rand(*shape, seed=0, low=None):
    generator = torch.Generator().manual_seed(seed)
    if low is not None:
        return torch.rand(*shape, generator=generator, dtype=F64) + low
    return torch.randn(*shape, generator=generator, dtype=F64)


def roma_rotvec():
    import roma

    eye = torch.eye(3, dtype=F64)
    return lambda v: ((roma.rotvec_to_rotmat(v) - eye) ** 3).sum(), {"v": _rand(4, 3)}, "roma"


def roma_quaternions():
    import roma

    def f(q, p):
        product = roma.quat_product(roma.quat_normalize(q), roma.quat_normalize(p))
        return (roma.unitquat_to_rotvec(product) ** 3).sum() + roma.quat_action(product, _rand(4, 3, seed=2)).pow(
            3
        ).sum()

    return f, {"q": _rand(4, 4, seed=1), "p": _rand(4, 4, seed=3)}, "roma"


def roma_procrustes():
    import roma

    return lambda m: (roma.special_procrustes(m) * _rand(3, 3, 3, seed=9)).sum(), {"m": _rand(3, 3, 3, seed=4)}, "roma"


def roma_registration():
    import roma

    def f(x, y):
        R, t = roma.rigid_points_registration(x, y)
        return (R * _rand(3, 3, seed=5)).sum() + t.pow(2).sum()

    return f, {"x": _rand(6, 3, seed=6), "y": _rand(6, 3, seed=7)}, "roma"


def roma_distances():
    import roma

    def f(v, w):
        a, b = roma.rotvec_to_rotmat(v), roma.rotvec_to_rotmat(w)
        middle = roma.rotmat_slerp(a, b, torch.tensor([0.3, 0.7], dtype=F64))
        return roma.rotmat_geodesic_distance(a, b).sum() + (middle * _rand(2, 5, 3, 3, seed=1)).sum()

    return f, {"v": _rand(5, 3, seed=8) * 0.5, "w": _rand(5, 3, seed=9) * 0.5}, "roma"


def roma_euler():
    import roma

    def f(a):
        R = roma.euler_to_rotmat("xyz", a)
        return (R * _rand(5, 3, 3, seed=3)).sum() + roma.rotmat_to_rotvec(R).pow(3).sum()

    return f, {"a": _rand(5, 3, seed=10) * 0.4}, "roma"


def cde_cubic():
    import torchcde

    def f(x, t):
        spline = torchcde.CubicSpline(torchcde.natural_cubic_coeffs(x))
        return (spline.evaluate(t) ** 2).sum() + spline.derivative(t).sin().sum()

    return f, {"x": _rand(2, 6, 3, seed=11), "t": torch.tensor(1.3, dtype=F64)}, "torchcde"


def cde_linear():
    import torchcde

    def f(x):
        path = torchcde.LinearInterpolation(torchcde.linear_interpolation_coeffs(x))
        return (path.evaluate(torch.tensor(1.6, dtype=F64)) ** 3).sum() + path.derivative(
            torch.tensor(2.2, dtype=F64)
        ).sin().sum()

    return f, {"x": _rand(2, 5, 3, seed=12)}, "torchcde"


def cde_hermite():
    import torchcde

    def f(x):
        path = torchcde.CubicSpline(torchcde.hermite_cubic_coefficients_with_backward_differences(x))
        return (path.evaluate(torch.tensor(2.4, dtype=F64)) ** 3).sum()

    return f, {"x": _rand(2, 5, 3, seed=13)}, "torchcde"


def cde_solve():
    import torchcde

    def f(x, w):
        path = torchcde.CubicSpline(torchcde.natural_cubic_coeffs(x))
        field = lambda t, z: (z @ w).tanh().view(2, 3, 2)  # noqa: E731
        z = torchcde.cdeint(
            X=path,
            func=field,
            z0=torch.ones(2, 3, dtype=F64),
            t=path.interval,
            method="rk4",
            adjoint=False,
            options={"step_size": 1.0},
        )
        return z[:, -1].pow(2).sum()

    return f, {"x": _rand(2, 4, 2, seed=14), "w": _rand(3, 6, seed=15) * 0.3}, "torchcde"


def zuko_spline():
    from zuko.transforms import MonotonicRQSTransform

    def f(w, h, d, x):
        t = MonotonicRQSTransform(w, h, d)
        y, ladj = t.call_and_ladj(x)
        return (y**2).sum() + ladj.sum() + t.inv(y * 0.9).sin().sum()

    return (
        f,
        {"w": _rand(5, 8, seed=17), "h": _rand(5, 8, seed=18), "d": _rand(5, 7, seed=19), "x": _rand(5, seed=20)},
        "zuko",
    )


def zuko_sos():
    from zuko.transforms import SOSPolynomialTransform

    def f(a, x):
        t = SOSPolynomialTransform(a, torch.zeros((), dtype=F64))
        y, ladj = t.call_and_ladj(x)
        return (y * 0.01).sin().sum() + ladj.sum()

    return f, {"a": _rand(2, 3, seed=21), "x": _rand(4, seed=22)}, "zuko"


def zuko_affine():
    from zuko.transforms import MonotonicAffineTransform, SoftclipTransform

    def f(shift, scale, x):
        t = MonotonicAffineTransform(shift, scale)
        y, ladj = t.call_and_ladj(x)
        z = SoftclipTransform(3.0)(y)
        return (z**2).sum() + ladj.sum()

    return f, {"shift": _rand(4, seed=23), "scale": _rand(4, seed=24), "x": _rand(6, 4, seed=25)}, "zuko"


def zuko_mixture():
    from torch.distributions import Normal
    from zuko.distributions import Mixture, Truncated  # noqa: F401

    def f(m, s, l, x):
        return -Mixture(Normal(m, s.exp()), l).log_prob(x).sum()

    return (
        f,
        {"m": _rand(4, seed=26), "s": _rand(4, seed=27) * 0.3, "l": _rand(4, seed=28), "x": _rand(7, seed=29)},
        "zuko",
    )


def zuko_flow():
    import zuko

    torch.manual_seed(0)
    flow = zuko.flows.MAF(3, 2, transforms=2, hidden_features=(8,)).double()

    def f(x, c):
        return -flow(c).log_prob(x).mean()

    return f, {"x": _rand(5, 3, seed=30), "c": _rand(5, 2, seed=31)}, "zuko"


def zuko_bisection():
    from zuko.utils import bisection

    def f(p):
        y = torch.ones_like(p) * 2
        root = bisection(lambda x: x**3 + p * x, y, torch.zeros_like(p), torch.ones_like(p) * 4, n=60, phi=(p,))
        return (root + p.sin()).pow(2).sum()

    return f, {"p": _rand(4, seed=32, low=0.5)}, "zuko"


def zuko_gauss_legendre():
    from zuko.utils import gauss_legendre

    def f(a, b):
        return (gauss_legendre(lambda x: (x * a).sin(), torch.zeros_like(b), b, n=6, phi=(a,)) ** 2).sum()

    return f, {"a": _rand(4, seed=33), "b": _rand(4, seed=34)}, "zuko"


def pyro_kumaraswamy():
    import pyro.distributions as d

    def f(alpha, beta):
        x = torch.tensor([0.2, 0.5, 0.7], dtype=F64)
        return d.AffineBeta(alpha, beta, torch.tensor(0.0, dtype=F64), torch.tensor(1.0, dtype=F64)).log_prob(x).sum()

    return f, {"alpha": _rand(3, seed=35, low=1.0), "beta": _rand(3, seed=36, low=1.0)}, "pyro"


def pyro_stable():
    from pyro.distributions import AsymmetricLaplace, SkewLogistic, SoftAsymmetricLaplace

    def f(loc, scale, asym):
        x = _rand(3, seed=37)
        return (
            AsymmetricLaplace(loc, scale, asym).log_prob(x).sum()
            + SoftAsymmetricLaplace(loc, scale, asym).log_prob(x).sum()
            + SkewLogistic(loc, scale, asym).log_prob(x).sum()
        )

    return (
        f,
        {"loc": _rand(3, seed=38), "scale": _rand(3, seed=39, low=0.5), "asym": _rand(3, seed=40, low=0.5)},
        "pyro",
    )


def pyro_projected():
    from pyro.distributions import ProjectedNormal

    def f(c):
        v = _rand(5, 3, seed=41)
        return ProjectedNormal(c).log_prob(v / v.norm(dim=-1, keepdim=True)).sum()

    return f, {"c": _rand(3, seed=42)}, "pyro"


def pyro_transforms():
    from pyro.distributions.transforms import Planar, Radial, Spline

    torch.manual_seed(1)
    planar, radial, spline = Planar(3).double(), Radial(3).double(), Spline(3, count_bins=5).double()

    def f(x):
        y = radial(planar(x))
        z = spline(y * 0.3)
        return (z**2).sum() + planar.log_abs_det_jacobian(x, planar(x)).sum()

    return f, {"x": _rand(5, 3, seed=43)}, "pyro"


def pyro_hmm():
    import pyro.distributions as td
    from pyro.distributions import DiscreteHMM

    def f(init, trans, loc):
        observe = td.Normal(loc, torch.ones_like(loc))
        return -DiscreteHMM(init, trans, observe, duration=4).log_prob(_rand(4, seed=44)).sum()

    return f, {"init": _rand(3, seed=45), "trans": _rand(3, 3, seed=46), "loc": _rand(3, seed=47)}, "pyro"


def pyro_kernels():
    from pyro.distributions import LowRankMultivariateNormal  # noqa: F401
    from pyro.ops.gaussian import Gaussian
    from pyro.ops.special import log_beta, safe_log
    from pyro.ops.tensor_utils import dct, safe_cholesky

    def f(m, v):
        p = m @ m.t() + 3 * torch.eye(4, dtype=F64)
        g = Gaussian(v.sum() * 0.1, v, p)
        x = _rand(4, seed=48)
        return (
            safe_cholesky(p).diagonal().log().sum()
            + g.log_density(x)
            + g.event_logsumexp()
            + dct(v).pow(2).sum()
            + log_beta(v.exp(), m[0].exp()).sum()
            + g.marginalize(left=1).log_density(x[1:])
            + safe_log(v.exp()).sum()
        )

    return f, {"m": _rand(4, 4, seed=49), "v": _rand(4, seed=50)}, "pyro"


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_")
}

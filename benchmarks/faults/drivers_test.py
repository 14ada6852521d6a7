"""Functions of parameters over the packages of the test split; as in `drivers_development`."""

# ruff: noqa: ARG002, ARG005 - fields of equations take a time; the formulas are their authors'

from __future__ import annotations

import torch
from drivers_development import F64, _rand


def ode_adaptive():
    from torchdiffeq import odeint

    def f(w, y):
        return (
            odeint(
                lambda t, x: torch.tanh(x @ w),
                y,
                torch.tensor([0.0, 0.5, 1.0], dtype=F64),
                method="dopri5",
                rtol=1e-11,
                atol=1e-12,
            )[-1]
            ** 2
        ).sum()

    return f, {"w": _rand(3, 3, seed=1) * 0.3, "y": _rand(2, 3, seed=2)}, "torchdiffeq"


def ode_fixed():
    from torchdiffeq import odeint

    def f(w, y):
        t = torch.linspace(0, 1, 5, dtype=F64)
        a = odeint(lambda t, x: torch.sin(x @ w), y, t, method="rk4")
        b = odeint(lambda t, x: torch.sin(x @ w) + t, y, t, method="explicit_adams", options={"step_size": 0.1})
        c = odeint(lambda t, x: -x * w.diagonal(), y, t, method="midpoint")
        return (a[-1] ** 2).sum() + b[-1].sum() + c[-1].cos().sum()

    return f, {"w": _rand(3, 3, seed=3) * 0.3, "y": _rand(2, 3, seed=4)}, "torchdiffeq"


def ode_adjoint():
    from torchdiffeq import odeint_adjoint

    class Field(torch.nn.Module):
        def __init__(self, w):
            super().__init__()
            self.w = w

        def forward(self, t, x):
            return torch.tanh(x @ self.w)

    def f(w, y):
        return (
            odeint_adjoint(
                Field(w),
                y,
                torch.tensor([0.0, 1.0], dtype=F64),
                method="rk4",
                options={"step_size": 0.02},
                adjoint_params=(w,),
            )[-1]
            ** 2
        ).sum()

    return f, {"w": _rand(3, 3, seed=5) * 0.3, "y": _rand(2, 3, seed=6)}, "torchdiffeq"


def sde_milstein():
    import torchsde

    class Equation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def __init__(self, a, b):
            super().__init__()
            self.a, self.b = a, b

        def f(self, t, y):
            return torch.sin(y) * self.a

        def g(self, t, y):
            return torch.sigmoid(y * self.b)

    def run(a, b, y):
        noise = torchsde.BrownianInterval(0.0, 1.0, size=(4, 3), entropy=5, dtype=F64)
        out = torchsde.sdeint(
            Equation(a, b), y, torch.tensor([0.0, 1.0], dtype=F64), bm=noise, method="milstein", dt=0.2
        )
        return (out[-1] ** 2).sum()

    return run, {"a": _rand(3, seed=7), "b": _rand(3, seed=8), "y": _rand(4, 3, seed=9)}, "torchsde"


def gp_rbf():
    import gpytorch

    def f(x, scale, noise):
        kernel = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
        kernel = kernel.double()
        del kernel.base_kernel.raw_lengthscale
        K = gpytorch.kernels.MaternKernel(nu=2.5).double()(x / scale.exp()).to_dense() + kernel.base_kernel.covar_dist(
            x / scale.exp(), x, square_dist=True
        )
        return (K * _rand(5, 5, seed=3)).sum() + noise.exp() * K.diagonal().sum()

    return f, {"x": _rand(5, 2, seed=10), "scale": _rand(2, seed=11) * 0.2, "noise": _rand(1, seed=12)}, "gpytorch"


def gp_distribution():
    import gpytorch
    from linear_operator import to_linear_operator

    def f(m, a):
        K = a @ a.t() + 2 * torch.eye(4, dtype=F64)
        normal = gpytorch.distributions.MultivariateNormal(m, to_linear_operator(K))
        other = gpytorch.distributions.MultivariateNormal(m * 0.5, to_linear_operator(K + torch.eye(4, dtype=F64)))
        return -normal.log_prob(_rand(4, seed=13)) + torch.distributions.kl_divergence(normal, other)

    return f, {"m": _rand(4, seed=14), "a": _rand(4, 4, seed=15)}, "gpytorch"


def operator_solve():
    from linear_operator import to_linear_operator
    from linear_operator.operators import DiagLinearOperator, KroneckerProductLinearOperator, ToeplitzLinearOperator

    def f(a, d, c):
        K = to_linear_operator(a @ a.t()) + DiagLinearOperator(d.exp() + 1)
        quadratic, logdet = K.inv_quad_logdet(_rand(4, 1, seed=16), logdet=True)
        product = KroneckerProductLinearOperator(to_linear_operator(a), ToeplitzLinearOperator(c)) @ _rand(
            12, 2, seed=17
        )
        return quadratic.sum() + logdet + (product**2).sum() + K.solve(_rand(4, 1, seed=18)).sum()

    return f, {"a": _rand(4, 4, seed=19), "d": _rand(4, seed=20), "c": _rand(3, seed=21)}, "linear_operator"


def kornia_rotations():
    from kornia.geometry import conversions as c

    def f(v, q):
        R = c.axis_angle_to_rotation_matrix(v)
        return (
            (R * _rand(4, 3, 3, seed=22)).sum()
            + c.quaternion_to_axis_angle(q).sin().sum()
            + c.rotation_matrix_to_quaternion(R).pow(3).sum()
        )

    return f, {"v": _rand(4, 3, seed=23) * 0.6, "q": _rand(4, 4, seed=24)}, "kornia"


def kornia_images():
    import kornia

    def f(x):
        y = kornia.filters.gaussian_blur2d(x, (3, 3), (1.1, 0.9))
        return (
            kornia.losses.ssim_loss(y, _rand(1, 3, 9, 9, seed=25, low=0.0), 5)
            + kornia.color.rgb_to_lab(x * 0.5 + 0.2).mean()
            + kornia.filters.sobel(y).sum()
            + kornia.color.rgb_to_hsv(x)[:, 1:].sum()
        )

    return f, {"x": _rand(1, 3, 9, 9, seed=26, low=0.05)}, "kornia"


def kornia_warp():
    import kornia

    def f(a, s, x):
        M = kornia.geometry.transform.get_rotation_matrix2d(torch.tensor([[3.7, 4.1]], dtype=F64), a, s)
        return (kornia.geometry.transform.warp_affine(x, M, (7, 8)) * _rand(1, 1, 7, 8, seed=27)).sum()

    return (
        f,
        {
            "a": torch.tensor([13.0], dtype=F64),
            "s": torch.tensor([[1.07, 0.94]], dtype=F64),
            "x": _rand(1, 1, 8, 9, seed=28),
        },
        "kornia",
    )


def kornia_camera():
    import kornia

    def f(p, d, z):
        K = torch.tensor([[[5.0, 0.0, 3.0], [0.0, 5.5, 2.5], [0.0, 0.0, 1.0]]], dtype=F64)
        x = kornia.geometry.calibration.distort_points(p, K[0], d)
        return (
            kornia.geometry.camera.unproject_points(x, z, K[0], normalize=True) ** 2
        ).sum() + kornia.geometry.epipolar.sampson_epipolar_distance(
            p[None], p[None].flip(1) + 0.3, _rand(1, 3, 3, seed=29)
        ).sum()

    return (
        f,
        {"p": _rand(5, 2, seed=30, low=1.0), "d": _rand(4, seed=31) * 0.05, "z": _rand(5, 1, seed=32, low=1.0)},
        "kornia",
    )


def geoopt_poincare():
    from geoopt.manifolds.stereographic import math as m

    def f(x, y, k):
        k = -k.exp()
        return (
            m.dist(x, y, k=k).sum()
            + m.mobius_add(x, y, k=k).pow(2).sum()
            + m.expmap(x, y, k=k).sin().sum()
            + m.logmap(x, y, k=k).sum()
        )

    return (
        f,
        {"x": _rand(4, 3, seed=33) * 0.2, "y": _rand(4, 3, seed=34) * 0.2, "k": torch.tensor(0.1, dtype=F64)},
        "geoopt",
    )


def geoopt_lorentz():
    from geoopt.manifolds.lorentz import math as m

    def f(u, v):
        k = torch.tensor(1.3, dtype=F64)
        x, y = m.expmap0(m.project_u(m.project(u * 0, k=k), u, k=k), k=k), m.project(v, k=k)
        return m.dist(x, y, k=k).sum() + m.lorentz_to_poincare(y, k).pow(2).sum()

    return f, {"u": _rand(4, 4, seed=35) * 0.5, "v": _rand(4, 4, seed=36)}, "geoopt"


def entmax_sparse():
    import entmax

    def f(x):
        w = _rand(3, 6, seed=37)
        return (
            (entmax.sparsemax(x, dim=-1) * w).sum()
            + (entmax.entmax15(x, dim=-1) * w).pow(2).sum()
            + (entmax.entmax_bisect(x, alpha=1.3, dim=-1) * w).sum()
        )

    return f, {"x": _rand(3, 6, seed=38)}, "entmax"


def entmax_losses():
    import entmax

    def f(x, alpha):
        target = torch.tensor([1, 0, 3])
        p = entmax.entmax_bisect(x, alpha=alpha, dim=-1, n_iter=60)
        return (
            entmax.entmax15_loss(x, target).sum()
            + entmax.sparsemax_loss(x, target).sum()
            + (p * _rand(3, 6, seed=39)).sum()
            + (entmax.normmax_bisect(x, alpha=2.0, dim=-1, n_iter=60) * _rand(3, 6, seed=2)).sum()
        )

    return f, {"x": _rand(3, 6, seed=40), "alpha": torch.tensor(1.4, dtype=F64)}, "entmax"


def quad_boole():
    from torchquad import Boole, GaussLegendre, Simpson

    def f(a, b):
        domain = torch.stack([torch.stack([torch.zeros((), dtype=F64), a]), torch.stack([b * 0, b])])
        inner = lambda x: torch.sin(x[:, 0] * a) + torch.exp(x[:, 1] * b)  # noqa: E731
        return (
            Simpson().integrate(inner, dim=2, N=49, integration_domain=domain)
            + Boole().integrate(inner, dim=2, N=49, integration_domain=domain) ** 2
            + GaussLegendre().integrate(inner, dim=2, N=36, integration_domain=domain)
        )

    return f, {"a": torch.tensor(1.2, dtype=F64), "b": torch.tensor(0.8, dtype=F64)}, "torchquad"


def e3nn_harmonics():
    from e3nn import o3

    def f(v):
        return (o3.spherical_harmonics([0, 1, 2, 3], v, normalize=True) * _rand(4, 16, seed=42)).sum() + (
            o3.wigner_D(2, *o3.xyz_to_angles(v), torch.zeros((), dtype=F64)) * _rand(4, 5, 5, seed=43)
        ).sum()

    return f, {"v": _rand(4, 3, seed=44)}, "e3nn"


def e3nn_radial():
    from e3nn import o3
    from e3nn.math import soft_one_hot_linspace, soft_unit_step

    def f(r, q):
        one = soft_one_hot_linspace(r, 0.0, 3.0, 5, basis="smooth_finite", cutoff=True)
        two = soft_one_hot_linspace(r, 0.0, 3.0, 5, basis="bessel", cutoff=True)
        return (
            one.pow(2).sum()
            + two.pow(2).sum()
            + soft_unit_step(r).sum()
            + o3.quaternion_to_axis_angle(q)[1].sin().sum()
            + (o3.axis_angle_to_matrix(q[..., 1:], q[..., 0]) * _rand(3, 3, seed=45)).sum()
        )

    return f, {"r": _rand(5, seed=46, low=0.5), "q": _rand(3, 4, seed=47)}, "e3nn"


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_") and value.__module__ == __name__
}

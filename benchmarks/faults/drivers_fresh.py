"""Functions of parameters over the packages of the fresh split; as in `drivers_development`."""

from __future__ import annotations

import torch
from drivers_development import F64, _rand
from torch.func import functional_call


def _module_loss(module, loss, seed):
    """A function of a module's parameters: small generic numbers are added to their first values."""
    module = module.double()
    names = {name.replace(".", "_"): name for name, _ in module.named_parameters()}
    start = {
        key: dict(module.named_parameters())[name].detach() + 0.1 * _rand(*shape, seed=seed + index)
        for index, (key, name) in enumerate(names.items())
        for shape in [dict(module.named_parameters())[name].shape]
    }

    def f(**values):
        named = {names[key]: value for key, value in values.items()}
        return functional_call(_Called(module, loss), {f"module.{key}": value for key, value in named.items()}, ())

    return f, start


class _Called(torch.nn.Module):
    """A loss of a module as a module's forward."""

    def __init__(self, module, loss):
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self):
        return self.loss(self.module)


def lie_rotation():
    import pypose as pp

    def f(v, w, x):
        R, S = pp.so3(v).Exp(), pp.so3(w).Exp()
        turned = (R * S).matrix() @ x
        return (turned * _rand(3, seed=1)).sum() + (S.Inv() @ R).Log().tensor().sin().sum()

    return f, {"v": _rand(3, seed=2), "w": _rand(3, seed=3) * 0.7, "x": _rand(3, seed=4)}, "pypose"


def lie_pose():
    import pypose as pp

    def f(v, w):
        T = pp.se3(v).Exp() @ pp.se3(w).Exp()
        return (T.matrix() * _rand(4, 4, seed=5)).sum() + T.Log().tensor().square().sum()

    return f, {"v": _rand(6, seed=6) * 0.5, "w": _rand(6, seed=7) * 0.5}, "pypose"


def lie_scaled_rotation():
    import pypose as pp

    def f(v, x):
        S = pp.rxso3(v).Exp()
        return (
            (S.Act(x) * _rand(3, seed=8)).sum()
            + S.Inv().Act(x).cos().sum()
            + S.matrix().sum()
            + S.Log().tensor().sin().sum()
        )

    return f, {"v": _rand(4, seed=9) * 0.4, "x": _rand(3, seed=10)}, "pypose"


def lie_conversions():
    import pypose as pp

    def f(v, q):
        R = pp.so3(v).Exp().matrix()
        return (
            pp.mat2SO3(R, check=False).tensor().pow(3).sum()
            + pp.euler2SO3(v * 0.5).tensor().sin().sum()
            + pp.quat2unit(q).square()[:2].sum()
            + pp.euler2SO3(v).euler().sum()
        )

    return f, {"v": _rand(3, seed=11) * 0.5, "q": _rand(4, seed=12)}, "pypose"


def inertial_preintegration():
    import pypose as pp

    def f(gyro, acc):
        integrator = pp.module.IMUPreintegrator(
            torch.zeros(3, dtype=F64), pp.identity_SO3(dtype=F64), torch.zeros(3, dtype=F64), reset=True
        ).double()
        dt = torch.full((1, 4, 1), 0.1, dtype=F64)
        out = integrator(dt=dt, gyro=gyro, acc=acc)
        return (out["pos"] * _rand(1, 4, 3, seed=13)).sum() + out["vel"].square().sum()

    return f, {"gyro": _rand(1, 4, 3, seed=14) * 0.5, "acc": _rand(1, 4, 3, seed=15)}, "pypose"


def camera_geometry():
    import pypose as pp

    def f(points, focal, v):
        zero = torch.zeros_like(focal)
        one = torch.ones_like(focal)
        K = torch.stack([focal, zero, 0.1 * one, zero, focal, 0.2 * one, zero, zero, one]).reshape(3, 3)
        ahead = points + torch.tensor([0.0, 0.0, 4.0], dtype=F64)
        pose = pp.se3(v).Exp()
        pixels = pp.point2pixel(ahead, K, pose)
        back = pp.pixel2point(pixels, ahead[:, 2], K)
        return (pixels * _rand(4, 2, seed=16)).sum() + pp.reprojerr(ahead, pixels * 0.9, K, pose).sum() + back.sum()

    return (
        f,
        {"points": _rand(4, 3, seed=17), "focal": torch.tensor(1.3, dtype=F64), "v": _rand(6, seed=18) * 0.1},
        ("pypose"),
    )


def flow_splines():
    from nflows.transforms import splines

    def f(w, h, d, x):
        inside = torch.sigmoid(x)
        a, la = splines.rational_quadratic_spline(inside, w, h, d)
        b, lb = splines.unconstrained_rational_quadratic_spline(x, w, h, d[..., 1:-1], tails="linear", tail_bound=2.0)
        c, lc = splines.quadratic_spline(inside, w, torch.cat([h, h[..., :1]], -1))
        e, le = splines.linear_spline(inside, w)
        g, lg = splines.cubic_spline(inside, w, h, d[..., :1], d[..., 1:2])
        return (a * b).sum() + (c * e * g).sum() + la.sum() + lb.cos().sum() + lc.sum() + le.sum() + lg.sum()

    return (
        f,
        {"w": _rand(3, 4, seed=19), "h": _rand(3, 4, seed=20), "d": _rand(3, 5, seed=21), "x": _rand(3, seed=22)},
        "nflows",
    )


def flow_coupling():
    from nflows import transforms
    from nflows.nn.nets import ResidualNet

    torch.manual_seed(0)
    flow = transforms.CompositeTransform(
        [
            transforms.AffineCouplingTransform(
                [1, 0, 1, 0], lambda i, o: ResidualNet(i, o, 3, num_blocks=1, activation=torch.tanh)
            ),
            transforms.LULinear(4, identity_init=False),
            transforms.MaskedAffineAutoregressiveTransform(4, 5, num_blocks=1, activation=torch.tanh),
            transforms.PiecewiseRationalQuadraticCouplingTransform(
                [0, 1, 1, 0],
                lambda i, o: ResidualNet(i, o, 3, num_blocks=1, activation=torch.tanh),
                num_bins=3,
                tails="linear",
                tail_bound=3.0,
            ),
        ]
    )

    def loss(m):
        out, logdet = m(_rand(3, 4, seed=23))
        return out.square().sum() - logdet.sum()

    return *_module_loss(flow, loss, 24), "nflows"


def flow_linear():
    from nflows import transforms
    from nflows.distributions import ConditionalDiagonalNormal
    from nflows.flows.base import Flow

    torch.manual_seed(0)
    flow = Flow(
        transforms.CompositeTransform(
            [
                transforms.QRLinear(4, 2),
                transforms.SVDLinear(4, 2, identity_init=False),
                transforms.LeakyReLU(0.3),
                transforms.NaiveLinear(4),
                transforms.Tanh(),
            ]
        ),
        ConditionalDiagonalNormal([4], context_encoder=torch.nn.Linear(3, 8)),
    )

    def loss(m):
        return -m.log_prob(_rand(2, 4, seed=60) * 0.3, context=_rand(2, 3, seed=61)).mean()

    return *_module_loss(flow, loss, 62), "nflows"


def flow_planar():
    import normflows as nf

    torch.manual_seed(0)
    layers = [
        nf.flows.Planar((3,)),
        nf.flows.Radial((3,)),
        nf.flows.MaskedAffineFlow(torch.tensor([1.0, 0.0, 1.0]), nf.nets.MLP([3, 4, 3]), nf.nets.MLP([3, 4, 3])),
        nf.flows.InvertibleAffine(3),
        nf.flows.AffineConstFlow((3,)),
    ]

    def loss(m):
        z, total = _rand(2, 3, seed=90), 0.0
        for layer in m:
            z, logdet = layer(z)
            total = total + logdet.sum()
        return z.square().sum() - total

    return *_module_loss(torch.nn.ModuleList(layers), loss, 91), "normflows"


def flow_splines_coupled():
    import normflows as nf

    torch.manual_seed(0)
    flow = torch.nn.ModuleList(
        [
            nf.flows.AutoregressiveRationalQuadraticSpline(3, 1, 4, num_bins=3),
            nf.flows.CoupledRationalQuadraticSpline(3, 1, 4, num_bins=3),
            nf.flows.LULinearPermute(3),
        ]
    )

    def loss(m):
        z, total = _rand(2, 3, seed=130), 0.0
        for layer in m:
            z, logdet = layer.inverse(z)
            total = total + logdet.sum()
        return z.square().sum() - total

    return *_module_loss(flow, loss, 131), "normflows"


def mixture_base():
    import normflows as nf

    torch.manual_seed(0)
    base = nf.distributions.GaussianMixture(3, 2)
    base.double()

    def loss(m):
        return -m.log_prob(_rand(4, 2, seed=170)).sum()

    return *_module_loss(base, loss, 171), "normflows"


def implicit_solvers():
    import xitorch as xt
    from xitorch.optimize import equilibrium, rootfinder

    def f(a, b):
        def field(y, a, b):
            return torch.tanh(a @ y + b) - 0.3 * y - 0.1

        def iteration(y, a, b):
            return torch.tanh(0.3 * a @ y + b)

        start = torch.zeros(3, 1, dtype=F64)
        root = rootfinder(field, start, params=(a, b), method="broyden1", f_tol=1e-12, x_tol=1e-12)
        fixed = equilibrium(iteration, start, params=(a, b), method="broyden1", f_tol=1e-12, x_tol=1e-12)
        assert xt.__version__
        return root.square().sum() + (fixed * _rand(3, 1, seed=180)).sum()

    return f, {"a": _rand(3, 3, seed=181) * 0.5, "b": _rand(3, 1, seed=182)}, "xitorch"


def linear_algebra():
    import xitorch as xt
    from xitorch.linalg import solve, svd, symeig

    def f(a, b):
        spd = a @ a.t() + 2 * torch.eye(4, dtype=F64)
        operator = xt.LinearOperator.m(spd, is_hermitian=True)
        x = solve(operator, b, method="custom_exactsolve")
        values, vectors = symeig(operator, neig=2, method="custom_exacteig")
        u, s, vh = svd(xt.LinearOperator.m(a), k=2, method="custom_exacteig")
        return (
            x.square().sum()
            + values.sin().sum()
            + (vectors**2 * _rand(4, 2, seed=183)).sum()
            + (u @ torch.diag(s) @ vh).sum()
        )

    return f, {"a": _rand(4, 4, seed=184), "b": _rand(4, 2, seed=185)}, "xitorch"


def interpolation_and_quadrature():
    from xitorch.integrate import quad
    from xitorch.interpolate import Interp1D

    def f(y, k):
        x = torch.linspace(0, 1, 6, dtype=F64)
        at = torch.tensor([0.13, 0.48, 0.77], dtype=F64)
        smooth = Interp1D(x, y, method="cspline", bc_type="natural")(at)
        line = Interp1D(x, y, method="linear")(at)
        area = quad(lambda t, k: torch.exp(-k * t**2), 0.1 * k, 1.0 + k, params=(k,), n=20)
        return (smooth * line).sum() + area.square().sum()

    return f, {"y": _rand(6, seed=186), "k": torch.tensor(0.8, dtype=F64)}, "xitorch"


def lens_mass_models():
    from caustics.lenses import func as lens

    def f(x0, q, phi, b, s):
        x = torch.tensor([0.9, -0.4, 1.3], dtype=F64)
        y = torch.tensor([0.3, 1.1, -0.7], dtype=F64)
        ax, ay = lens.reduced_deflection_angle_sie(x0[0], x0[1], torch.sigmoid(q), phi, b, x, y, s)
        ex, ey = lens.reduced_deflection_angle_epl(x0[0], x0[1], torch.sigmoid(q), phi, b, 0.8 + 0.1 * s, x, y, 8)
        return (
            (ax * _rand(3, seed=190)).sum()
            + ay.square().sum()
            + (ex * ey).sum()
            + lens.potential_sie(x0[0], x0[1], torch.sigmoid(q), phi, b, x, y, s).sum()
            + lens.convergence_epl(x0[0], x0[1], torch.sigmoid(q), phi, b, 1 + 0.1 * s, x, y).sum()
        )

    return (
        f,
        {
            "x0": _rand(2, seed=191) * 0.1,
            "q": torch.tensor(0.7, dtype=F64),
            "phi": torch.tensor(0.5, dtype=F64),
            "b": torch.tensor(1.1, dtype=F64),
            "s": torch.tensor(0.2, dtype=F64),
        },
        "caustics",
    )


def lens_shear_and_points():
    from caustics.lenses import func as lens

    def f(x0, b, g):
        x = torch.tensor([0.9, -0.4, 1.3], dtype=F64)
        y = torch.tensor([0.3, 1.1, -0.7], dtype=F64)
        px, py = lens.reduced_deflection_angle_point(x0[0], x0[1], b, x, y, 0.01)
        sx, sy = lens.reduced_deflection_angle_external_shear(x0[0], x0[1], g[0], g[1], x, y)
        ix, iy = lens.reduced_deflection_angle_sis(x0[0], x0[1], b, x, y, 0.01)
        mx, my = lens.reduced_deflection_angle_multipole(x0[0], x0[1], torch.tensor([3, 4]), g, b * 0.1 + g, x, y)
        return (
            (px * sy + py * sx).sum()
            + (ix * iy).sum()
            + (mx * my).sum()
            + lens.potential_external_shear(x0[0], x0[1], g[0], g[1], x, y).sum()
            + lens.potential_multipole(x0[0], x0[1], torch.tensor([3, 4]), g, b * 0.1 + g, x, y).sum()
            + lens.potential_point(x0[0], x0[1], b, x, y, 0.01).sum()
        )

    return (
        f,
        {"x0": _rand(2, seed=192) * 0.1, "b": torch.tensor(0.9, dtype=F64), "g": _rand(2, seed=193) * 0.3},
        ("caustics"),
    )


def robot_rotations():
    from pytorch_kinematics.transforms import rotation_conversions as r

    def f(v, q, e):
        R = r.axis_angle_to_matrix(v)
        unit = q / q.norm(dim=-1, keepdim=True)
        return (
            (R * _rand(2, 3, 3, seed=194)).sum()
            + r.matrix_to_quaternion(R).pow(3).sum()
            + r.quaternion_to_axis_angle(unit).sin().sum()
            + r.quaternion_multiply(q, r.quaternion_invert(q).roll(1, -1)).cos().sum()
            + r.matrix_to_euler_angles(r.euler_angles_to_matrix(e, "XYZ"), "ZYX").sum()
            + r.rotation_6d_to_matrix(torch.cat([v, e], -1)).square()[0].sum()
        )

    return (
        f,
        {"v": _rand(2, 3, seed=195) * 0.6, "q": _rand(2, 4, seed=196), "e": _rand(2, 3, seed=197) * 0.5},
        ("pytorch_kinematics"),
    )


def robot_chain():
    import pytorch_kinematics as pk

    urdf = """<robot name="arm"><link name="base"/>
    <link name="l1"/><link name="l2"/><link name="l3"/>
    <joint name="j1" type="revolute"><parent link="base"/><child link="l1"/><origin xyz="0 0 0.3" rpy="0.1 0 0.2"/>
      <axis xyz="0 0 1"/><limit lower="-2" upper="2" effort="1" velocity="1"/></joint>
    <joint name="j2" type="revolute"><parent link="l1"/><child link="l2"/><origin xyz="0.5 0 0" rpy="0 0.3 0"/>
      <axis xyz="0 1 0"/><limit lower="-2" upper="2" effort="1" velocity="1"/></joint>
    <joint name="j3" type="prismatic"><parent link="l2"/><child link="l3"/><origin xyz="0.4 0.1 0" rpy="0 0 0.5"/>
      <axis xyz="1 0 0"/><limit lower="-2" upper="2" effort="1" velocity="1"/></joint></robot>"""
    chain = pk.build_serial_chain_from_urdf(urdf, "l3").to(dtype=F64)

    def f(q):
        tip = chain.forward_kinematics(q).get_matrix()
        jacobian = chain.jacobian(q)
        return (tip * _rand(2, 4, 4, seed=198)).sum() + (jacobian * _rand(2, 6, 3, seed=199)).sum()

    return f, {"q": _rand(2, 3, seed=200) * 0.5}, "pytorch_kinematics"


def tensor_networks():
    import tensorly
    from tensorly import tenalg
    from tensorly.cp_tensor import cp_mode_dot, cp_norm, cp_to_tensor

    tensorly.set_backend("pytorch")

    def f(a, b, c, w):
        full = cp_to_tensor((w, [a, b, c]))
        core = tenalg.multi_mode_dot(full, [a.t(), b.t()], modes=[0, 1])
        return (
            (full * _rand(3, 4, 2, seed=201)).sum()
            + core.square().sum()
            + cp_norm((w, [a, b, c]))
            + tenalg.khatri_rao([a, b]).cos().sum()
            + tenalg.kronecker([a, c]).sin().sum()
            + cp_to_tensor(cp_mode_dot((w, [a, b, c]), b.t(), 1, copy=True)).sum()
            + tensorly.unfold(full, 1).square()[0].sum()
        )

    return (
        f,
        {"a": _rand(3, 2, seed=202), "b": _rand(4, 2, seed=203), "c": _rand(2, 2, seed=204), "w": _rand(2, seed=205)},
        "tensorly",
    )


def tensor_decompositions():
    import tensorly
    from tensorly import tenalg
    from tensorly.decomposition import tensor_train, tucker

    tensorly.set_backend("pytorch")

    def f(x):
        core, factors = tucker(x, rank=[2, 2, 2], init="svd", n_iter_max=2, tol=0)
        chain = tensor_train(x, rank=[1, 2, 2, 1])
        return (
            (tensorly.tucker_to_tensor((core, factors)) * _rand(3, 3, 3, seed=206)).sum()
            + tensorly.tt_to_tensor(chain).square().sum()
            + tenalg.proximal.soft_thresholding(x, 0.1).pow(3).sum()
            + tenalg.proximal.svd_thresholding(x[0], 0.05).sum()
        )

    return f, {"x": _rand(3, 3, 3, seed=207)}, "tensorly"


def audio_losses():
    from auraloss import freq, time

    def f(x, gain):
        target = _rand(1, 1, 64, seed=208)
        signal = gain * x
        return (
            freq.STFTLoss(fft_size=16, hop_size=4, win_length=16, w_phs=0.1, device="cpu").double()(signal, target)
            + freq.MultiResolutionSTFTLoss([16, 8], [4, 2], [16, 8], w_lin_mag=0.5).double()(signal, target)
            + time.SISDRLoss()(signal, target)
            + time.ESRLoss()(signal, target)
            + time.DCLoss()(signal, target)
            + time.LogCoshLoss()(signal, target)
            + time.SNRLoss()(signal, target)
            + time.SDSDRLoss()(signal, target)
        )

    return f, {"x": _rand(1, 1, 64, seed=209), "gain": torch.tensor(0.8, dtype=F64)}, "auraloss"


def sorting_networks():
    from diffsort import DiffSortNet

    def f(x, y):
        total = 0.0
        for kind, form in (
            ("odd_even", "logistic"),
            ("bitonic", "cauchy"),
            ("odd_even", "optimal"),
            ("bitonic", "gaussian"),
        ):
            ordered, permutation = DiffSortNet(kind, 4, steepness=2.0, distribution=form)(x)
            total = total + (ordered * y).sum() + (permutation.double() * _rand(4, 4, seed=210)).sum()
        return total

    return f, {"x": _rand(2, 4, seed=211), "y": _rand(4, seed=212)}, "diffsort"


def sphere_harmonics():
    import torch_harmonics as th

    sht = th.RealSHT(6, 12, grid="equiangular").double()
    inverse = th.InverseRealSHT(6, 12, grid="equiangular").double()
    vector = th.RealVectorSHT(6, 12, grid="equiangular").double()

    def f(x, v):
        c = sht(x)
        again = inverse(c * torch.exp(-0.1 * torch.arange(c.shape[-2], dtype=F64))[:, None])
        return (again * _rand(6, 12, seed=213)).sum() + c.abs().square().sum() + vector(v).abs().square().sum()

    return f, {"x": _rand(6, 12, seed=214), "v": _rand(2, 6, 12, seed=215)}, "torch_harmonics"


def kernel_distances():
    from geomloss import SamplesLoss

    def f(x, y, w):
        a = torch.softmax(w, 0)
        b = torch.full((4,), 0.25, dtype=F64)
        return (
            SamplesLoss("gaussian", blur=0.7, backend="tensorized")(a, x, b, y)
            + SamplesLoss("laplacian", blur=0.7, backend="tensorized")(a, x, b, y)
            + SamplesLoss("energy", backend="tensorized")(a, x, b, y)
        )

    return f, {"x": _rand(3, 2, seed=216), "y": _rand(4, 2, seed=217), "w": _rand(3, seed=218)}, "geomloss"


def structural_similarity():
    import pytorch_msssim

    def f(x, y):
        a, b = torch.sigmoid(x), torch.sigmoid(y)
        return pytorch_msssim.ssim(a, b, data_range=1.0, win_size=5) + pytorch_msssim.ssim(
            a, b, data_range=1.0, win_size=3, win_sigma=0.9, nonnegative_ssim=False
        )

    return f, {"x": _rand(1, 1, 12, 12, seed=219), "y": _rand(1, 1, 12, 12, seed=220)}, "pytorch_msssim"


def wavelets():
    import ptwt

    def f(x, image):
        parts = ptwt.wavedec(x, "db2", mode="reflect", level=2)
        again = ptwt.waverec([parts[0], *(p.sin() for p in parts[1:])], "db2")
        low, details = ptwt.wavedec2(image, "haar", level=1)
        packet = ptwt.WaveletPacket(x, "haar", maxlevel=2)
        return (
            (again * _rand(*again.shape, seed=221)).sum()
            + low.cos().sum()
            + sum(d.square().sum() for d in details)
            + packet["ad"].pow(3).sum()
        )

    return f, {"x": _rand(1, 16, seed=222), "image": _rand(1, 8, 8, seed=223)}, "ptwt"


def cosine_transforms():
    import torch_dct as dct

    def f(x, y):
        return (
            (dct.dct(x) * _rand(3, 8, seed=224)).sum()
            + dct.idct(x * y, norm="ortho").square().sum()
            + dct.dct_2d(x).cos().sum()
            + dct.dct1(x).sin().sum()
        )

    return f, {"x": _rand(3, 8, seed=225), "y": _rand(8, seed=226)}, "torch_dct"


def dispersion():
    import tad_dftd3 as d3

    def f(positions):
        numbers = torch.tensor([6, 8, 1, 1])
        parameters = {
            "a1": torch.tensor(0.49484001, dtype=F64),
            "s8": torch.tensor(0.78981345, dtype=F64),
            "a2": torch.tensor(5.73083694, dtype=F64),
        }
        return 1e3 * d3.dftd3(numbers, positions, parameters).sum()

    start = torch.tensor([[0.0, 0.0, 0.0], [2.3, 0.1, 0.2], [-1.1, 1.7, 0.1], [-1.0, -1.8, 0.3]], dtype=F64)
    return f, {"positions": start}, "tad_dftd3"


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_") and name != "functional_call"
}
DRIVERS |= {name: globals()[name] for name in ("wavelets", "dispersion")}

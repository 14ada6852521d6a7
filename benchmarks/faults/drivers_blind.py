"""Functions of parameters over the packages of the blind split; as in `drivers_development`.

Written without sight of the engine. Backward formulas of the package's own are passed in
torchkin, qpth, DominantSparseEigenAD, torchdeq, torchdae, complextorch, dfsc, ddtw, torchdeform, meent, torchspin,
mirtorch, torchtomo, stribor, memcnn, iunets, dcb, tensormesh and cola.
"""

from __future__ import annotations

import torch
from drivers_development import F64, _rand
from drivers_fresh import _module_loss


def _number(value):
    return torch.tensor(value, dtype=F64)


def _robot(torchkin):
    import tempfile
    from pathlib import Path

    joints = [
        ("a", "revolute", "base", "one", "0.1 0.2 0.3", "0.2 -0.1 0.4", "0 0 1"),
        ("b", "prismatic", "one", "two", "0.3 0.0 0.1", "0.5 0.3 -0.2", "0 1 0"),
        ("c", "fixed", "two", "three", "0.1 0.1 0.2", "0.1 0.7 0.3", "1 0 0"),
        ("d", "continuous", "three", "four", "0.2 -0.1 0.4", "-0.3 0.2 0.6", "1 0 0"),
        ("e", "revolute", "one", "five", "-0.2 0.3 0.1", "0.4 -0.5 0.1", "0 1 0"),
    ]
    links = "".join(f'<link name="{n}"/>' for n in ("base", "one", "two", "three", "four", "five"))
    text = "".join(
        f'<joint name="{n}" type="{k}"><parent link="{p}"/><child link="{c}"/><origin xyz="{x}" rpy="{r}"/>'
        f'<axis xyz="{a}"/><limit lower="-2" upper="2" effort="1" velocity="1"/></joint>'
        for n, k, p, c, x, r, a in joints
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "robot.urdf")
        path.write_text(f'<robot name="arm">{links}{text}</robot>')
        return torchkin.Robot.from_urdf_file(str(path), dtype=F64)


def arm_kinematics():
    import torchkin

    robot = _robot(torchkin)
    forward, _, spatial = torchkin.get_forward_kinematics_fns(robot, ["four", "five"])

    def f(angles, others):
        hand, other = forward(angles)
        jacobians, poses = spatial(others)
        return (
            (hand * _rand(2, 3, 4, seed=1)).sum()
            + other[:, :, 3].square().sum()
            + sum((j * _rand(2, 6, 4, seed=2 + i)).sum() for i, j in enumerate(jacobians))
            + (poses[0] * _rand(2, 3, 4, seed=5)).sum()
        )

    return f, {"angles": _rand(2, 4, seed=3), "others": _rand(2, 4, seed=4)}, "torchkin"


def arm_body_jacobian():
    import torchkin

    robot = _robot(torchkin)
    _, body, _ = torchkin.get_forward_kinematics_fns(robot, ["four", "five"])

    def f(angles):
        jacobians, poses = body(angles)
        manipulable = torch.linalg.det(jacobians[0].mT @ jacobians[0] + 0.1 * torch.eye(4, dtype=F64))
        return manipulable.log().sum() + (jacobians[1] * _rand(2, 6, 4, seed=7)).sum() + poses[1].sin().sum()

    return f, {"angles": _rand(2, 4, seed=6)}, "torchkin"


def quadratic_programs():
    from qpth.qp import QPFunction
    from qpth.util import bger

    def f(q, p, g, h, a, b):
        hessian = q @ q.mT + torch.eye(4, dtype=F64)
        first = QPFunction(verbose=-1, eps=1e-15, maxIter=40, notImprovedLim=5)(
            hessian, p, g, h.exp() + 0.2, a, 0.1 * b
        )
        second = QPFunction(verbose=-1, eps=1e-15, maxIter=40, notImprovedLim=5)(
            hessian, p + first, g, h.exp(), torch.empty(0), torch.empty(0)
        )
        both = bger(first, second)
        return (first * _rand(2, 4, seed=8)).sum() + second.square().sum() + (both * _rand(2, 4, 4, seed=18)).sum()

    start = {"q": 0.5 * _rand(2, 4, 4, seed=9), "p": _rand(2, 4, seed=10), "g": _rand(2, 3, 4, seed=11)}
    start |= {"h": _rand(2, 3, seed=12) - 1.0, "a": _rand(2, 1, 4, seed=13), "b": _rand(2, 1, seed=14)}
    return f, start, "qpth"


def lowest_states():
    from DominantSparseEigenAD.CG import CG_torch, CGSubspace

    def f(x, b, c):
        a = x @ x.T + torch.diag(torch.arange(1.0, 6.0, dtype=F64))
        values, vectors = torch.linalg.eigh(a)
        ground = vectors[:, 0] * torch.sign(vectors[:, 0].detach().sum())
        torch.manual_seed(0)
        shifted = a - values[0] * torch.eye(5, dtype=F64)
        response = CGSubspace.apply(shifted, b - ground * (ground @ b), ground)
        solved = CG_torch(a, c, torch.zeros(5, dtype=F64))
        return (response * _rand(5, seed=15)).sum() + solved.square().sum() + values.log().sum()

    return f, {"x": _rand(5, 5, seed=16), "b": _rand(5, seed=17), "c": _rand(5, seed=18)}, "DominantSparseEigenAD"


def equilibrium_model():
    from torchdeq import get_deq, jac_reg

    options = {"ift": True, "f_max_iter": 200, "b_max_iter": 200, "f_tol": 1e-13, "b_tol": 1e-13}
    fixed = get_deq(f_solver="fixed_point_iter", b_solver="fixed_point_iter", **options)
    broyden = get_deq(f_solver="broyden", b_solver="broyden", **options)
    anderson = get_deq(f_solver="anderson", b_solver="anderson", **options)

    def f(w, u, b, x):
        torch.manual_seed(0)
        weight = 0.25 * w

        def layer(z):
            return torch.tanh(z @ weight + x @ u + b)

        first = fixed(layer, torch.zeros(2, 3, dtype=F64))[0][-1]
        second = broyden(lambda z: torch.sin(z @ weight + x @ u), torch.zeros(2, 3, dtype=F64))[0][-1]
        third = anderson(lambda z: torch.tanh(z @ weight.T + first), torch.zeros(2, 3, dtype=F64))[0][-1]
        z = first.sin()
        z = z if z.requires_grad else z.requires_grad_()
        steep = jac_reg(layer(z), z)
        return (first * _rand(2, 3, seed=24)).sum() + second.square().sum() + third.cos().sum() + steep

    start = {"w": _rand(3, 3, seed=25), "u": _rand(4, 3, seed=26), "b": _rand(3, seed=27), "x": _rand(2, 4, seed=28)}
    return f, start, "torchdeq"


def constrained_dynamics():
    import torchdae

    def f(start, k, c):
        def residual(_, y, yp):
            a, b, z = y[..., 0], y[..., 1], y[..., 2]
            return torch.stack(
                [yp[..., 0] + k[0] * a - k[1] * z, yp[..., 1] - c * a + 0.3 * b**3, z - a * b - 0.1 * z**3], -1
            )

        first = start.tanh()
        third = first[:, :1] * first[:, 1:]
        for _ in range(30):
            third = first[:, :1] * first[:, 1:] + 0.1 * third**3
        y = torchdae.solve_dae_adjoint(
            residual, (0.0, 0.5), torch.cat([first, third], -1), 0.1, [k, c],
            lambda *a, **o: torchdae.solve_bdf1(*a, step_tol=1e-13, ic_tol=1e-9, **o),
        )  # fmt: skip
        return (y[1:] * _rand(*y[1:].shape, seed=29)).sum() + y[1:].square().sum()

    return f, {"start": _rand(1, 2, seed=30), "k": torch.tensor([0.8, 0.5], dtype=F64), "c": _number(1.2)}, "torchdae"


def variational_dropout():
    from complextorch.nn.relevance.linear import LinearARD, LinearVD

    torch.manual_seed(0)
    first, second = LinearVD(3, 4).to(torch.complex128).eval(), LinearARD(4, 2).to(torch.complex128).eval()

    def f(real, imaginary, noise, scale, x):
        vars(first)["_parameters"].update(weight=torch.complex(real, imaginary), log_sigma2=noise)
        vars(second)["_parameters"].update(weight=torch.complex(imaginary, real).T[:, :4][:2], log_sigma2=scale)
        hidden = first(torch.complex(x, x.cos()))
        out = second(torch.tanh(hidden.real) + 1j * hidden.imag)
        first.train()
        torch.manual_seed(0)
        noisy = first(torch.complex(x, x.sin()))
        first.eval()
        return (
            out.abs().square().sum()
            + (first.penalty * _rand(4, 3, seed=33)).sum()
            + second.penalty.sin().sum()
            + (noisy.real * _rand(2, 4, seed=34)).sum()
            + noisy.imag.cos().sum()
        )

    start = {"real": _rand(4, 3, seed=35), "imaginary": _rand(4, 3, seed=36), "noise": 0.4 * _rand(4, 3, seed=37)}
    return f, start | {"scale": _rand(2, 4, seed=38), "x": _rand(2, 3, seed=39)}, "complextorch"


def fractional_relaxation():
    import dfsc
    from dfsc.mittag_leffler import mittag_leffler_e_prime_z

    values, vectors = torch.linalg.eigh(torch.diag(torch.full((5,), 2.0, dtype=F64)) - _neighbours(5))
    layer = dfsc.MittagLefflerSpectralLayer(values, vectors, terms=60)
    forced = dfsc.ForcedMittagLefflerSpectralLayer(layer, quadrature_points=6, ml_method="series")
    times, nodes = torch.tensor([0.3, 0.8], dtype=F64), torch.linspace(0.1, 0.9, 6, dtype=F64)

    def f(u, alpha, beta, forcing, z):
        order, power = 0.5 + 0.5 * alpha.sigmoid(), 1.0 + beta.sigmoid()
        free = layer(u, times, order, beta=power)
        pushed = forced(u.cos(), times, order, forcing, nodes, beta=power)
        slope = mittag_leffler_e_prime_z(order, z.tanh())
        return (free * _rand(2, 5, seed=40)).sum() + (pushed * _rand(2, 5, seed=41)).sum() + slope.log().sum()

    start = {"u": _rand(5, seed=42), "alpha": _number(0.3), "beta": _number(0.4), "forcing": _rand(6, 5, seed=43)}
    return f, start | {"z": _rand(3, seed=44)}, "dfsc"


def _neighbours(count):
    return torch.diag(torch.ones(count - 1, dtype=F64), 1) + torch.diag(torch.ones(count - 1, dtype=F64), -1)


def fractional_special_functions():
    from dfsc.complex_ml import mittag_leffler_e_complex_series
    from dfsc.mittag_leffler import mittag_leffler_e, mittag_leffler_e_ab, reciprocal_gamma

    def f(alpha, beta, z, far, x):
        order = 0.6 + 0.3 * alpha.sigmoid()
        series = mittag_leffler_e(order, z.tanh(), custom_backward=True)
        mixed = mittag_leffler_e(order, -4.0 * far.exp(), method="hybrid")
        two = mittag_leffler_e_ab(order, 1.0 + beta.exp(), -4.0 * far.exp(), method="hybrid")
        turned = mittag_leffler_e_complex_series(order, torch.polar(0.5 + z.sigmoid(), far))
        return (
            (series * _rand(4, seed=45)).sum()
            + (mixed * _rand(4, seed=46)).sum()
            + two.log().sum()
            + turned.abs().square().sum()
            + (reciprocal_gamma(2.0 * x) * _rand(4, seed=47)).sum()
        )

    start = {"alpha": _number(0.2), "beta": _number(-0.3), "z": _rand(4, seed=48)}
    start |= {
        "far": torch.tensor([-0.9, -0.3, 1.9, 2.4], dtype=F64),
        "x": torch.tensor([-0.6, 0.4, 1.1, -1.2], dtype=F64),
    }
    return f, start, "dfsc"


def sequence_alignment():
    import ddtw

    options = {"backend": "torch", "dtype_float": F64}
    soft = ddtw.SDTW(gamma=0.7, **options)
    smooth = ddtw.smoothDTW(gamma=0.9, **options)
    general = ddtw.dDTW(gamma=0.8, global_step_weights=[1.0, 1.5, 2.0], normalization="NM", **options)

    def f(x, y, costs):
        return (
            soft(X=x, Y=y)
            + smooth(X=x.sin(), Y=y)
            + general(C=costs.exp(), list_N=[4, 3], list_M=[3, 3])
            + soft(C=(x.square().sum((-1, -2))[:, :, None] * costs.cos()))
        )

    start = {"x": _rand(2, 4, 2, 1, seed=49), "y": _rand(2, 3, 2, 1, seed=50), "costs": _rand(2, 4, 3, seed=51)}
    return f, start, "ddtw"


def _observers(torch_rand_seed, count):
    return 4e3 * _rand(1, count, seed=torch_rand_seed), 4e3 * _rand(1, count, seed=torch_rand_seed + 1)


def fault_dislocation():
    import torchdeform as td

    deep = td.OkadaSource(analytic_grad=True)
    flat = td.OkadaSourceSimple(analytic_grad=True)
    east, north = _observers(52, 3)

    def f(x, y, dip, strike, depth, size, slip, z):
        common = {
            "source_x": 1e3 * x, "source_y": 1e3 * y, "dip": dip, "strike": strike, "centroid_depth": 6e3 * depth.exp(),
            "length": 5e3 * size[:1].exp(), "width": 3e3 * size[1:].exp(),
        }  # fmt: skip
        slips = slip[:1], slip[1:2], slip[2:]
        inside = deep(east, north, -5e2 * z.exp(), *common.values(), *slips)
        surface = flat(east, north, *common.values(), *slips)
        sight = td.los_vector(strike, dip * 0.6)
        return (
            1e2 * sum((c * _rand(1, 3, seed=54 + i)).sum() for i, c in enumerate((inside.e, inside.n, inside.u)))
            + 1e2 * ((surface.e * sight.e) + (surface.n * sight.n) + (surface.u * sight.u)).sin().sum()
        )

    start = {"x": _rand(1, seed=57), "y": _rand(1, seed=58), "dip": torch.tensor([0.8], dtype=F64)}
    start |= {"strike": torch.tensor([0.5], dtype=F64), "depth": torch.tensor([0.2], dtype=F64)}
    start |= {"size": 0.3 * _rand(2, seed=59), "slip": _rand(3, seed=60), "z": 0.3 * _rand(1, 3, seed=61)}
    return f, start, "torchdeform"


def volcanic_sources():
    import torchdeform as td
    from torchdeform.observation import insar

    east, north = _observers(62, 4)

    def f(place, depth, turn, strength, axes):
        x, y, deep = 1e3 * place[:1], 1e3 * place[1:], 4e3 * depth.exp()
        turns = turn[:1], turn[1:2], turn[2:]
        point = td.MogiSource()(east, north, x, y, deep, 1e6 * strength[:1])
        compound = td.PCDMSource()(east, north, x, y, deep, *turns, *(1e6 * strength.exp())[:, None])
        lengths = 3e2 * axes.exp()
        finite = td.CDMSource()(east, north, x, y, deep, *turns, *lengths[:, None], strength[:1].exp())
        cavity = td.PECMSource()(east, north, x, y, deep, *turns, *lengths[:, None], 1e7 * strength[1:2])
        crack = td.PennySource()(east, north, x, y, deep, 3.0 * lengths[:1], 1e6 * strength[2:])
        phase = insar.to_phase(1e1 * compound.u, 0.056)
        return (
            1e3 * (point.u * _rand(1, 4, seed=64)).sum()
            + phase.sin().sum()
            + 1e3 * (finite.e * _rand(1, 4, seed=65)).sum()
            + (1e3 * cavity.n).cos().sum()
            + 1e4 * (crack.u * _rand(1, 4, seed=66)).sum()
        )

    start = {"place": _rand(2, seed=67), "depth": torch.tensor([0.1], dtype=F64), "turn": _rand(3, seed=68)}
    return f, start | {"strength": _rand(3, seed=69), "axes": 0.3 * _rand(3, seed=70)}, "torchdeform"


def geodesy_transforms():
    import torchdeform as td

    centre = td.Geodetic(lat_deg=torch.tensor([36.0], dtype=F64), lon_deg=torch.tensor([17.0], dtype=F64),
                         height_m=torch.tensor([120.0], dtype=F64))  # fmt: skip

    def f(lat, lon, height):
        places = td.Geodetic(lat_deg=36.0 + 0.5 * lat, lon_deg=17.0 + 0.5 * lon, height_m=1e3 * height)
        cartesian = td.geodetic_to_ecef(places)
        back = td.ecef_to_geodetic(cartesian)
        local = td.geodetic_to_local_enu(places, centre)
        returned = td.local_enu_to_geodetic(0.9 * local[0], 1.1 * local[1], centre, 0.5 * local[2])
        return (
            1e-6 * (cartesian.x * _rand(3, seed=71)).sum()
            + (1e-2 * back.lat_deg * back.lon_deg).sin().sum()
            + sum((1e-4 * v).cos().sum() for v in local)
            + (returned.lat_deg * _rand(3, seed=72)).sum()
            + 1e-3 * returned.height_m.sum()
        )

    return f, {"lat": _rand(3, seed=73), "lon": _rand(3, seed=74), "height": _rand(3, seed=75)}, "torchdeform"


def elliptic_functions():
    import elliptic

    fixed = torch.tensor([0.2, 0.5, 0.8], dtype=F64)

    def f(u, m, kc, x, y, z, p):
        k = m.sigmoid() * 0.9
        a, b, c, d = x.exp(), y.exp(), z.exp(), p.exp()
        sn, cn, dn, am = elliptic.ellipj(u, k)
        turned = elliptic.ellipji(0.5 * torch.complex(u, kc), k)
        first, second, zeta = elliptic.elliptic12(u.sigmoid(), fixed)
        return (
            (sn * _rand(3, seed=76)).sum()
            + (cn * dn).sin().sum()
            + am.square().sum()
            + sum(part.abs().log().sum() for part in turned)
            + (first * second + zeta).sum()
            + sum((elliptic.theta(j, u, fixed) * _rand(3, seed=85 + j)).sum() for j in (1, 2, 3, 4))
            + sum(elliptic.theta_prime(j, u, fixed)[1].sin().sum() for j in (1, 4))
            + elliptic.carlsonRF(a, b, c).log().sum()
            + elliptic.carlsonRD(a, b, c).sin().sum()
            + elliptic.carlsonRC(a, b).sum()
            + elliptic.cel(kc.sigmoid(), d, a, b).log().sum()
            + elliptic.inversenomeq(0.3 * k).log().sum()
            + elliptic.agm(a + 1.0, b).cos().sum()
        )

    return f, {n: 0.7 * _rand(3, seed=78 + i) for i, n in enumerate(("u", "m", "kc", "x", "y", "z", "p"))}, "elliptic"


def rock_friction():
    import torch_friction

    torch.manual_seed(0)
    layers = torch.nn.ModuleList(
        [torch_friction.FrictionLayer(law=law, Dc=0.4, V0=0.3, a=0.3, b=0.4) for law in ("aging", "slip")]
    )

    def f(speed, state, **values):
        for index, layer in enumerate(layers):
            vars(layer)["_parameters"].update({name: values[name][index] for name in ("_a", "_b", "_Dc", "mu0")})
        total = 0.0
        for index, layer in enumerate(layers):
            friction, following = layer(speed[:, 0].exp(), state.exp(), 0.05)
            along, states = layer.forward_trajectory(speed.exp(), 0.05, state.exp())
            steady, _ = layer.forward_trajectory(speed.exp(), 0.05)
            total = total + (friction * _rand(2, seed=96 + index)).sum() + following.log().sum()
            total = total + (along * _rand(2, 4, seed=98 + index)).sum() + states.sin().sum() + steady.square().sum()
        return total

    start = {"speed": 0.4 * _rand(2, 4, seed=100), "state": 0.4 * _rand(2, seed=101)}
    return (
        f,
        start | {n: 0.3 * _rand(2, seed=102 + i) for i, n in enumerate(("_a", "_b", "_Dc", "mu0"))},
        "torch_friction",
    )


def _grating(meent, pol, cells, thickness, wavelength, **options):
    solver = meent.call_mee(
        backend=2, pol=pol, n_top=1.0, n_bot=1.5, theta=0.3, wavelength=90.0 * wavelength, ucell=cells,
        thickness=list(30.0 * thickness), **options,
    )  # fmt: skip
    return solver.conv_solve().res


def lamellar_grating():
    import meent

    def f(cells, thickness, wavelength):
        index = 1.5 + cells.sigmoid()
        scale = wavelength.exp()
        line = {"fto": [2], "period": [100.0]}
        electric = _grating(meent, 0, index, thickness.exp(), scale, **line)
        magnetic = _grating(meent, 1, index, thickness.exp(), scale, use_pinv=True, **line)
        conical = _grating(meent, 0.3, index, thickness.exp(), scale, phi=0.4, fourier_type=1, **line)
        return (
            (electric.de_ri * _rand(*electric.de_ri.shape, seed=110)).sum()
            + (magnetic.de_ti * _rand(*magnetic.de_ti.shape, seed=111)).sum()
            + conical.de_ti.square().sum()
            + conical.de_ri.sin().sum()
        )

    start = {"cells": _rand(2, 1, 10, seed=112), "thickness": 0.3 * _rand(2, seed=113), "wavelength": _number(0.15)}
    return f, start, "meent"


def crossed_grating():
    import meent

    def f(cells, thickness, wavelength):
        plane = {"fto": [1, 1], "period": [100.0, 115.0], "phi": 0.4}
        out = _grating(meent, 0.3, 1.5 + cells.sigmoid(), thickness.exp(), wavelength.exp(), use_pinv=True, **plane)
        return (
            (out.de_ri * _rand(*out.de_ri.shape, seed=114)).sum()
            + (out.de_ti * _rand(*out.de_ti.shape, seed=115)).sum()
            + out.R_s.abs().square().sum()
        )

    start = {"cells": _rand(1, 6, 6, seed=116), "thickness": _rand(1, seed=117), "wavelength": _number(0.15)}
    return f, start, "meent"


def electron_spin_resonance():
    import torchspin as ts
    from torchspin.fastmotion import fastmotion_t
    from torchspin.pepper_autograd import pepper_autograd

    experiment = ts.Experiment(mwFreq=9.5, Range=[325, 345], nPoints=24, Harmonic=1)
    options = ts.Options(GridSize=[4, 1])

    def f(g, hyperfine, width, axial, time):
        factor, coupling = 2.0 + 0.05 * g.sigmoid(), 40.0 * hyperfine.exp()
        proton = ts.SpinSystem(S=[0.5], g=factor[None], Nucs=["1H"], A=coupling[None], lw=1.0 + width.exp())
        spectrum = pepper_autograd(proton, experiment, options)[1]
        triplet = ts.SpinSystem(S=[1.0], g=factor[None], D=9e3 * axial.exp()[None])
        moment, susceptibility = ts.curry(triplet, [500.0, 2000.0], [3.0, 10.0], grid_size=3)
        widths, _ = fastmotion_t(proton, 340.0, 1e-9 * time.exp())
        return (
            (spectrum * _rand(24, seed=118)).sum()
            + (moment * _rand(*moment.shape, seed=119)).sum()
            + (1e5 * susceptibility).sin().sum()
            + widths.log().sum()
        )

    start = {"g": torch.tensor([-0.4, 0.3, 1.1], dtype=F64), "hyperfine": 0.3 * _rand(3, seed=120)}
    start |= {"width": _rand(2, seed=121), "axial": torch.tensor([0.2, -1.4], dtype=F64), "time": _number(0.3)}
    return f, start, "torchspin"


def coil_encoding():
    from mirtorch.alg import CG, FISTA
    from mirtorch.linear import Diffnd, FFTCn, Identity, Sense
    from mirtorch.prox import L2Regularizer, SquaredL2Regularizer

    mask = (torch.arange(36).reshape(6, 6) % 3 != 1).to(F64)
    maps = torch.complex(_rand(2, 6, 6, seed=122), _rand(2, 6, 6, seed=123))

    def f(real, imaginary, weight):
        data = torch.complex(real, imaginary)
        encode = Sense(maps, mask, batchmode=False)
        normal = encode.H * encode + weight.exp() * Identity([6, 6])
        solved = CG(normal, max_iter=60, tol=1e-24, backward_mode="unrolled").run(
            torch.zeros_like(data[0]), encode.H * data
        )
        fixed = encode.H * encode + 0.5 * Identity([6, 6])
        implicit = CG(fixed, max_iter=80, tol=1e-26).run(torch.zeros_like(data[0]), encode.H * data)
        descent = FISTA(
            lambda x: fixed * x - encode.H * data, 8.0, SquaredL2Regularizer(0.3), max_iter=3, compile=False
        )
        steps = descent.run(implicit)
        shrunk = L2Regularizer(0.2)(solved, 0.5)
        gradient = Diffnd([6, 6], [0, 1]) * solved
        spectrum = FFTCn([6, 6], [6, 6], dims=(0, 1)) * implicit
        return (
            (solved.real * _rand(6, 6, seed=124)).sum()
            + implicit.abs().square().sum()
            + (steps.imag * _rand(6, 6, seed=125)).sum()
            + (shrunk.real * gradient[:6].real).sum()
            + spectrum.imag.sin().sum()
        )

    start = {"real": _rand(2, 6, 6, seed=126), "imaginary": _rand(2, 6, 6, seed=127), "weight": _number(-0.4)}
    return f, start, "mirtorch"


def spiral_encoding():
    from mirtorch.linear import Convolve2d, Diff1d, NuSense, Wavelet2D

    maps = torch.complex(_rand(2, 6, 6, seed=128), _rand(2, 6, 6, seed=129))
    path = 2.0 * _rand(2, 7, seed=135).tanh()

    def f(real, imaginary, kernel):
        image = torch.complex(real, imaginary)
        encode = NuSense(maps, path, batchmode=False, backend="torchkbnufft")
        samples = encode * image
        back = encode.H * (samples * samples.abs())
        slopes = Diff1d([6, 6], 0) * real + (Diff1d([6, 6], 1, mode="periodic") * imaginary)[:, :6].mean()
        blurred = Convolve2d([1, 1, 6, 6], kernel) * real[None, None].sin()
        waves = Wavelet2D([6, 6], wave_type="haar") * real
        return (
            (samples.real * _rand(2, 7, seed=130)).sum()
            + back.abs().square().sum()
            + slopes.sin().sum()
            + (blurred * _rand(*blurred.shape, seed=131)).sum()
            + (waves * _rand(*waves.shape, seed=132)).sum()
        )

    start = {"real": _rand(6, 6, seed=133), "imaginary": _rand(6, 6, seed=134)}
    return f, start | {"kernel": _rand(1, 1, 3, 3, seed=136)}, "mirtorch"


def tomography_scans():
    import torchtomo

    parallel = torchtomo.ParallelBeam(img_size=8, n_angles=5).double()
    fan = torchtomo.FanBeam(img_size=8, n_angles=5, n_det=8).double()
    sparse = torchtomo.ParallelBeam(img_size=8, n_angles=4, sparse_adjoint=True).double()

    def f(image, counts):
        lines, spread = parallel(image), fan(image.sin())
        rebuilt = parallel.fbp(lines.tanh(), filter_name="hann") + fan.fbp(spread.cos())
        adjoint = parallel.adjoint(counts) + fan.adjoint(counts.sin())
        matched = sparse(image.cos())
        return (
            (lines * _rand(*lines.shape, seed=137)).sum()
            + spread.square().sum()
            + (rebuilt * _rand(*rebuilt.shape, seed=138)).sum()
            + adjoint.cos().sum()
            + sparse.adjoint(matched).sin().sum()
        )

    return f, {"image": _rand(1, 1, 8, 8, seed=139), "counts": _rand(1, 1, 5, 8, seed=140)}, "torchtomo"


def flow_transforms():
    import stribor as st

    torch.manual_seed(0)
    flow = st.NormalizingFlow(
        st.UnitNormal(3),
        [
            st.Affine(3),
            st.Coupling(st.Affine(3, latent_net=st.net.MLP(5, [4], 6)), mask="ordered_left_half"),
            st.Flip(),
            st.AffineLU(3),
            st.Coupling(
                st.Spline(3, 4, st.net.MLP(5, [4], 33), lower=-6, upper=6, spline_type="quadratic"), mask="parity_odd"
            ),
            st.MatrixExponential(3),
            st.Cumsum(-1),
        ],
    )

    def loss(m):
        x, latent = _rand(4, 3, seed=141), _rand(4, 2, seed=142)
        there, volume = m.forward_and_log_det_jacobian(x, latent=latent, t=torch.full((4, 1), 0.7, dtype=F64))
        return (
            m.log_prob(x, latent=latent, t=torch.full((4, 1), 0.4, dtype=F64)).sum()
            + (there * _rand(4, 3, seed=143)).sum()
            + volume.sin().sum()
        )

    return *_module_loss(flow, loss, 144), "stribor"


def _fill(module, values):
    """Puts tensors in the place of a module's parameters."""
    for name, value in values.items():
        path, _, last = name.rpartition(".")
        vars(module.get_submodule(path))["_parameters"][last] = value


def exact_divergence_flow():
    import copy

    import stribor as st

    torch.manual_seed(0)
    exclusive = st.net.DiffeqZeroTraceMLP(3, [6], 6, return_log_det_jac=False)
    net = st.net.DiffeqExactTrace(exclusive, st.net.DiffeqMLP(4, [4], 1)).double()
    hidden, inputs, outputs = torch.arange(6) % 2, torch.arange(3), torch.arange(3)
    for made, order in ((exclusive.net1, inputs), (exclusive.net2, inputs.flip(0))):  # their own masks are drawn anew
        layers = [layer for layer in made.net if isinstance(layer, torch.nn.Linear)]
        layers[0].set_mask((order[:, None] <= hidden[None, :]).numpy())
        layers[1].set_mask((hidden[:, None] < order[outputs].repeat(2)[None, :]).numpy())
    names = [name for name, _ in net.named_parameters()]
    base = [v.detach() + 0.1 * _rand(*v.shape, seed=190 + i) for i, v in enumerate(net.parameters())]

    def f(x, **weights):
        fresh = copy.deepcopy(net)
        _fill(fresh, dict(zip(names, weights.values(), strict=True)))
        time = _number(0.3).reshape(1)
        speed, diagonal = fresh(time, x)
        moved = x + 0.5 * speed
        again, second = fresh(time + 0.4, moved)
        return (again * _rand(4, 3, seed=145)).sum() + diagonal.sin().sum() + second.square().sum() + moved.cos().sum()

    start = {"x": _rand(4, 3, seed=146)}
    return f, start | {n.replace(".", "_"): value for n, value in zip(names, base, strict=True)}, "stribor"


def reversible_blocks():
    import copy

    import memcnn

    def mixer(seed):
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Conv1d(2, 2, 3, padding=1), torch.nn.Tanh(), torch.nn.Conv1d(2, 2, 1)
        ).double()

    def coupling(index, forward, inverse, **options):
        kind = memcnn.AffineCoupling if options else memcnn.AdditiveCoupling
        return kind(
            mixer(2 * index), mixer(2 * index + 1), implementation_fwd=forward, implementation_bwd=inverse, **options
        )

    blocks = torch.nn.ModuleList([
        coupling(0, 0, 1),
        coupling(1, 1, 1),
        coupling(2, 0, -1, adapter=memcnn.AffineAdapterNaive),
        coupling(3, 0, -1, adapter=memcnn.AffineAdapterSigmoid),
    ])  # fmt: skip
    names = [name for name, _ in blocks.named_parameters()]
    base = {n: v.detach() + 0.2 * _rand(*v.shape, seed=160 + i) for i, (n, v) in enumerate(blocks.named_parameters())}

    def f(x, **weights):
        fresh = copy.deepcopy(blocks)
        _fill(fresh, dict(zip(names, weights.values(), strict=True)))
        total = 0.0
        for block in fresh:
            there = block(x)
            back = block.inverse(0.8 * there)
            total = total + (there * _rand(2, 4, 5, seed=147)).sum() + back.sin().sum()
            x = there.tanh()
        return total

    start = {"x": _rand(2, 4, 5, seed=148)}
    return f, start | {"block" + n.replace(".", "_"): base[n] for n in names}, "memcnn"


def orthogonal_resampling():
    from iunets.expm import expm
    from iunets.householder import householder_transform
    from iunets.layers import InvertibleDownsampling2D, InvertibleUpsampling2D

    torch.manual_seed(0)
    down = InvertibleDownsampling2D(2, stride=2, method="exp", init="haar").double()
    up = InvertibleUpsampling2D(8, stride=2, method="exp", init="haar").double()

    def f(a, b, c, weight, x):
        vars(down)["_parameters"]["weight"], vars(up)["_parameters"]["weight"] = 0.4 * weight, 0.4 * weight.flip(-1)
        turned = expm.apply(0.4 * (a - a.mT))
        exponential = expm.apply(0.6 * b)
        reflected = householder_transform(c, 3, 1e-6)
        small = down(x)
        large = up(small.sin())
        return (
            (turned @ exponential).sin().sum()
            + (exponential * _rand(2, 4, 4, seed=149)).sum()
            + (reflected @ turned * _rand(2, 4, 4, seed=151)).sum()
            + (down.inverse(small.tanh()) * large).sum()
            + up.inverse(large.cos()).sum()
        )

    start = {"a": _rand(2, 4, 4, seed=152), "b": 0.7 * _rand(2, 4, 4, seed=153), "c": _rand(2, 4, 4, seed=154)}
    return f, start | {"weight": _rand(2, 4, 4, seed=156), "x": _rand(1, 2, 4, 4, seed=155)}, "iunets"


def critical_bandwidth():
    from dcb._fold_search import h_tilde
    from dcb.kde import gaussian_kde_grid, kde_derivatives, soft_mode_count_cross

    grid = torch.linspace(-5.0, 5.0, 64, dtype=F64)

    def f(points, direction, sample):
        folded = h_tilde(points, direction)
        density = gaussian_kde_grid(sample, 0.6, grid)
        modes = soft_mode_count_cross(sample, 0.5, grid, 0.1, 0.2)
        slopes = kde_derivatives(sample, 0.7, grid)
        return (
            3.0 * folded.log()
            + (density * _rand(64, seed=156)).sum()
            + modes.square()
            + sum((s * _rand(64, seed=157 + i)).sum() for i, s in enumerate(slopes))
        )

    points = _rand(12, 2, seed=158) + 2.0 * (torch.arange(12) % 2)[:, None]
    return f, {"points": points, "direction": torch.tensor([0.8, 0.6], dtype=F64), "sample": _rand(9, seed=159)}, "dcb"


def option_prices():
    from voltorch import options

    strike = torch.tensor([95.0, 100.0, 104.0], dtype=F64)
    time, rate = torch.tensor([0.5, 1.0, 1.5], dtype=F64), torch.tensor([0.03, 0.04, 0.05], dtype=F64)
    models = {
        options.HestonCOS: ("kappa", "theta", "xi", "rho", "v0"),
        options.MertonCOS: ("sigma", "lambda_j", "mu_j", "sigma_j"),
        options.VarianceGammaCOS: ("sigma", "nu", "theta"),
    }

    def f(spot, sigma, dividend, **values):
        total = 0.0
        price, deviation, pay = 100.0 * spot.exp(), 0.3 * sigma.exp(), 0.03 * dividend.exp()
        for index, (model, names) in enumerate(models.items()):
            cosines = model(n_cos=40)
            given = values[model.__name__.lower()]
            vars(cosines)["_parameters"].update(zip(names, given, strict=True))
            total = total + 0.1 * (cosines(price, strike, time, rate, pay) * _rand(3, seed=170 + index)).sum()
        american = options.BaroneAdesiWhaley()(price, strike, time, rate, deviation, pay, is_call=False)
        greeks = options.BlackScholes().analytical_greeks(price, strike, time, rate, deviation, pay)
        return total + (0.1 * american).sin().sum() + sum((0.1 * v).cos().sum() for v in greeks.values())

    start = {"spot": 0.05 * _rand(3, seed=173), "sigma": 0.2 * _rand(3, seed=174), "dividend": 0.3 * _rand(3, seed=175)}
    start |= {"hestoncos": torch.tensor([1.8, 0.05, 0.35, -0.6, 0.045], dtype=F64)}
    start |= {"mertoncos": torch.tensor([0.2, 0.4, -0.1, 0.15], dtype=F64)}
    return f, start | {"variancegammacos": torch.tensor([0.2, 0.3, -0.12], dtype=F64)}, "voltorch"


def volatility_surfaces():
    from voltorch import ssvi, volatility

    expiries = torch.tensor([0.5, 1.0, 2.0], dtype=F64)
    k, at = torch.tensor([-0.2, 0.1, 0.3], dtype=F64), torch.tensor([0.7, 1.2, 1.8], dtype=F64)
    names = {
        "surface": ("raw_rho", "raw_eta", "raw_gamma"),
        "slice": ("raw_a", "raw_b", "raw_rho", "raw_m", "raw_sigma"),
        "sabr": ("raw_alpha", "raw_rho", "raw_nu"),
    }

    def f(theta, psi, rho, **values):
        parts = {
            "surface": ssvi.SSVI(expiries),
            "slice": volatility.SVIParameterization(),
            "sabr": volatility.SABRModel(beta=0.7),
        }
        for name, part in parts.items():
            vars(part)["_parameters"].update(zip(names[name], values[name], strict=True))
        vars(parts["surface"])["_parameters"]["raw_theta"] = theta
        extended = ssvi.ESSVI(expiries)
        vars(extended)["_parameters"].update(raw_theta=theta, raw_psi=psi, raw_rho=rho)
        return (
            (parts["surface"].total_variance(k, at) * _rand(3, seed=176)).sum()
            + parts["surface"].implied_vol(k, at).log().sum()
            + 10.0 * (extended.total_variance(k, at) * _rand(3, seed=177)).sum()
            + extended.implied_vol(k, at).sin().sum()
            + parts["slice"].implied_volatility(k, at).log().sum()
            + parts["slice"].check_butterfly_arbitrage(k).sum()
            + parts["sabr"](torch.tensor([100.0, 101.0, 103.0], dtype=F64), 100.0 * (0.5 * k).exp(), at).log().sum()
        )

    start = {"theta": -2.0 + 0.3 * _rand(3, seed=178), "psi": 0.3 * _rand(3, seed=179), "rho": 0.3 * _rand(3, seed=180)}
    start |= {"surface": torch.tensor([-0.3, 0.4, 0.2], dtype=F64), "sabr": torch.tensor([0.25, -0.4, 0.5], dtype=F64)}
    return f, start | {"slice": torch.tensor([0.05, 0.15, -0.4, 0.05, 0.2], dtype=F64)}, "voltorch"


def pair_copulas():
    from torchvine import Bicop, BicopFamily

    ranges = {
        "gaussian": (lambda p: p[:1].tanh(), 0), "student": (lambda p: torch.stack([p[0].tanh(), 3.0 + p[1].exp()]), 0),
        "clayton": (lambda p: p[:1].exp(), 90), "gumbel": (lambda p: 1.1 + p[:1].exp(), 180),
        "frank": (lambda p: 3.0 * p[:1].exp(), 0), "joe": (lambda p: 1.1 + p[:1].exp(), 270),
        "bb1": (lambda p: torch.stack([p[0].exp(), 1.1 + p[1].exp()]), 0),
        "bb7": (lambda p: torch.stack([1.1 + p[0].exp(), p[1].exp()]), 0),
    }  # fmt: skip

    def f(u, values):
        total, data = 0.0, u.sigmoid()
        for index, (name, (within, turn)) in enumerate(ranges.items()):
            pair = Bicop.from_family(BicopFamily(name), parameters=within(values[index]), rotation=turn)
            density = pair.pdf(data)
            total = total + (density.log() * _rand(4, seed=181 + index)).sum() + pair.hfunc1(data).sin().sum()
            total = total + pair.cdf(data).square().sum() + pair.hfunc2(data).cos().sum()
            if name in ("gaussian", "student", "clayton", "frank"):
                total = total + (pair.hinv1(data) * _rand(4, seed=189 + index)).sum()
        return total

    return f, {"u": _rand(4, 2, seed=200), "values": 0.3 * _rand(8, 2, seed=201)}, "torchvine"


def fractional_fourier():
    from torch_frft import frft_module

    def f(real, imaginary, order, other):
        signal = torch.complex(real, imaginary)
        turned = frft_module.frft(signal, 0.6 + 0.3 * order.sigmoid())
        back = frft_module.ifrft(turned * turned.abs(), 1.1 + 0.2 * other.sigmoid(), dim=0)
        little = frft_module.frft(back, 0.3 * order.sigmoid())
        centred = frft_module.frft_shifted(little.conj(), -0.4 * other.sigmoid())
        return (
            (turned.real * _rand(4, 8, seed=202)).sum()
            + back.abs().square().sum()
            + (little.imag * _rand(4, 8, seed=203)).sum()
            + centred.real.sin().sum()
        )

    start = {"real": _rand(4, 8, seed=205), "imaginary": _rand(4, 8, seed=206), "order": _number(0.3)}
    return f, start | {"other": _number(-0.6)}, "torch_frft"


def rotated_fields():
    from torch_frft2d import frft2d_multi

    def f(real, imaginary, angles):
        fields = frft2d_multi(torch.complex(real, imaginary), angles)
        again = frft2d_multi(fields[:, 0] * fields[:, 1].abs(), 0.5 - 2.0 * angles, angle_chunk=1)
        return (
            (fields.real * _rand(*fields.shape, seed=195)).sum() + again.abs().square().sum() + again.imag.sin().sum()
        )

    start = {"real": _rand(2, 6, 6, seed=196), "imaginary": _rand(2, 6, 6, seed=197)}
    return f, start | {"angles": torch.tensor([[0.3, 0.9], [1.2, -0.6]], dtype=F64)}, "torch_frft2d"


def state_estimation():
    from torch_kf import GaussianState, KalmanFilter
    from torch_kf.ckf import constant_kalman_filter

    def _psd(a):
        return a @ a.mT + 0.3 * torch.eye(len(a), dtype=F64)

    def f(process, measure, noise, sensor, mean, spread, data):
        model = KalmanFilter(0.5 * process, measure, _psd(noise), _psd(sensor))
        careful = KalmanFilter(0.5 * process, measure, _psd(noise), _psd(sensor), joseph_update=True)
        begin = GaussianState(mean, _psd(spread))
        states = model.filter(begin, data, return_all=True)
        smooth = model.rts_smooth(states)
        other = careful.filter(begin, data.sin())
        seen = model.project(other)
        steady = model.steady_state_covariance(4)
        moving = constant_kalman_filter(0.5, 0.7, dim=1, order=2)
        ahead = moving.predict(GaussianState(mean.double(), _psd(spread)))
        return (
            (states.mean * _rand(*states.mean.shape, seed=207)).sum()
            + (smooth.mean * _rand(*smooth.mean.shape, seed=208)).sum()
            + smooth.covariance.sin().sum()
            + other.covariance.square().sum()
            + seen.log_likelihood(data[0].cos()).sum()
            + seen.mahalanobis_squared(data[1]).sum()
            + (steady * _rand(3, 3, seed=209)).sum()
            + ahead.covariance.cos().sum()
        )

    start = {"process": _rand(3, 3, seed=210), "measure": _rand(2, 3, seed=211), "noise": 0.5 * _rand(3, 3, seed=212)}
    start |= {
        "sensor": 0.5 * _rand(2, 2, seed=213),
        "mean": _rand(3, 1, seed=214),
        "spread": 0.5 * _rand(3, 3, seed=215),
    }
    return f, start | {"data": _rand(4, 2, 1, seed=216)}, "torch_kf"


def split_propagation():
    import expsolve
    from expsolve.discretize import tensorgrid as grids
    from expsolve.evolve.splittings import classical

    box = [-5.0, 5.0]
    x = grids.grid1d(16, box)
    symbol = grids.laplaciansymbol(grids.fouriersymbol, [16], box)

    def f(real, imaginary, well, alpha, beta):
        wave = grids.normalize(torch.complex(real, imaginary)[None], box)
        potential = (well[0] * x**2 + well[1] * x.sin())[None]

        def step(t, h, u):
            return classical.stepper(
                t, h, u,
                lambda _, h, s, u: grids.laplacianopexp(symbol, 0.5j * h * s, u),
                lambda _, h, s, u: torch.exp(-1j * h * s * potential) * u,
                torch.cat([alpha, 1.0 - alpha.sum(0, keepdim=True)]),
                torch.cat([beta, 1.0 - beta.sum(0, keepdim=True)]),
            )  # fmt: skip

        after, _, _ = expsolve.solvediffeq(wave, torch.linspace(0.0, 0.3, 4, dtype=F64), step)
        slope = grids.diffop(0, 1, after, box)
        energy = grids.l2inner(after, potential * after - 0.5 * grids.laplacianop(symbol, after), box)
        return (after.real * _rand(1, 16, seed=223)).sum() + slope.abs().square().sum() + energy.real.sum()

    start = {"real": _rand(16, seed=224), "imaginary": _rand(16, seed=225), "well": torch.tensor([0.3, 0.7], dtype=F64)}
    start |= {"alpha": torch.tensor([0.3, 0.4], dtype=F64), "beta": torch.tensor([0.5, 0.2], dtype=F64)}
    return f, start, "expsolve"


def clifford_networks():
    from cliffordlayers.nn.functional.batchnorm import clifford_batch_norm
    from cliffordlayers.nn.functional.groupnorm import clifford_group_norm
    from cliffordlayers.nn.modules import cliffordconv, cliffordlinear

    torch.manual_seed(0)
    layers = torch.nn.ModuleDict({
        "line": cliffordlinear.CliffordLinear([1, -1, 1], 2, 2),
        "flat": cliffordlinear.CliffordLinear([-1], 2, 2),
        "wave": cliffordconv.CliffordConv1d([-1], 1, 2, 3, padding=1),
        "image": cliffordconv.CliffordConv2d([-1, -1], 1, 2, 3, padding=1, rotation=True),
        "plain": cliffordconv.CliffordConv2d([1, 1], 2, 1, 3),
    })  # fmt: skip

    def loss(m):
        image = m["image"](_rand(2, 1, 4, 4, 4, seed=226))
        normal = clifford_group_norm(image, 4, 2)
        wave = m["wave"](_rand(2, 1, 5, 2, seed=227))
        return (
            (m["line"](_rand(3, 2, 8, seed=228)) * _rand(3, 2, 8, seed=229)).sum()
            + m["flat"](_rand(3, 2, 2, seed=230)).sin().sum()
            + ((clifford_batch_norm(wave, 2) + 0.1 * wave.square()) * _rand(*wave.shape, seed=231)).sum()
            + m["plain"](normal.tanh()).square().sum()
        )

    return *_module_loss(layers, loss, 232), "cliffordlayers"


def geometric_algebra():
    from torch_ga import GeometricAlgebra

    algebra = GeometricAlgebra([1.0, 1.0, 1.0], dtype=F64)

    def f(a, b, angle):
        product = algebra.geom_prod(a, b)
        rotor = algebra.exp(angle[:, None] * algebra.from_tensor(_rand(2, 3, seed=233), torch.tensor([4, 5, 6])))
        turned = algebra.geom_prod(algebra.geom_prod(rotor, a), algebra.reversion(rotor))
        pieces = [
            algebra.inner_prod(a, b), algebra.ext_prod(a, product), algebra.left_contraction(a, b),
            algebra.dual(turned), algebra.reg_prod(a, b), algebra.conjugation(product),
            algebra.grade_automorphism(b.sin()), algebra.approx_exp(0.3 * b[0], order=8).expand(2, 8),
            algebra.projection(a, algebra.keep_blades(b, torch.tensor([1, 2, 3]))),
        ]  # fmt: skip
        return sum((piece * _rand(2, 8, seed=234 + i)).sum() for i, piece in enumerate(pieces)) + turned.square().sum()

    return f, {"a": _rand(2, 8, seed=245), "b": _rand(2, 8, seed=246), "angle": _rand(2, seed=247)}, "torch_ga"


def incompressible_flow():
    from torch_cfd import boundaries, fvm, spectral
    from torch_cfd import finite_differences as fdm
    from torch_cfd.grids import Grid, GridVariable, GridVariableVector
    from torch_cfd.solvers import PseudoInverse

    grid = Grid((6, 6), domain=((0.0, 1.0), (0.0, 1.2)))
    periodic = boundaries.periodic_boundary_conditions(ndim=2)
    equation = fvm.NavierStokes2DFVMProjection(0.05, grid, drag=0.1, step_fn=fvm.RKStepper.from_method("classic_rk4"))
    equation = equation.double()
    laplacians = [fdm.laplacian_matrix(6, step, dtype=F64) for step in grid.step]
    poisson = PseudoInverse(grid, bc=periodic, laplacians=laplacians, implementation="matmul", dtype=F64)

    def f(u, v, w):
        flow = GridVariableVector((
            GridVariable(u, (1.0, 0.5), grid, periodic), GridVariable(v, (0.5, 1.0), grid, periodic),
        ))  # fmt: skip
        after, _ = equation(flow, 0.05)
        spin = fdm.curl_2d(after)
        spread = fdm.laplacian(GridVariable(w, (0.5, 0.5), grid, periodic))
        (uhat, vhat), _ = spectral.vorticity_to_velocity(grid, torch.fft.rfft2(w))
        turn = torch.fft.irfft2(spectral.spectral_curl_2d((uhat, vhat), grid.rfft_mesh()), s=(6, 6))
        speed = torch.fft.irfft2(uhat, s=(6, 6))
        return (
            (after[0].data * _rand(6, 6, seed=260)).sum()
            + after[1].data.sin().sum()
            + 0.01 * spin.data.square().sum()
            + (0.01 * spread.data).cos().sum()
            + 10.0 * (poisson.solve(w - w.mean(), torch.zeros_like(w)) * _rand(6, 6, seed=261)).sum()
            + (turn * speed.tanh()).sum()
        )

    return f, {"u": _rand(6, 6, seed=262), "v": _rand(6, 6, seed=263), "w": _rand(6, 6, seed=264)}, "torch_cfd"


def radon_transforms():
    from torchskradon.functional import skiradon, skradon

    angles = torch.tensor([10.0, 50.0, 75.0, 120.0], dtype=F64)

    def f(image, lines):
        seen = skradon(image, angles, circle=False)
        rebuilt = skiradon(seen.tanh(), angles, circle=False, filter_name="hann")
        other = skiradon(lines, angles, circle=True, filter_name="cosine", interpolation="cubic")
        return (
            (seen * _rand(*seen.shape, seed=270)).sum()
            + (rebuilt * _rand(*rebuilt.shape, seed=271)).sum()
            + other.square().sum()
        )

    return f, {"image": _rand(1, 1, 6, 6, seed=272), "lines": _rand(1, 1, 7, 4, seed=273)}, "torchskradon"


def finite_elements():
    import meshio
    import tensormesh as tm
    from tensormesh.sparse.solve.scipy_solve import SparseLUSolveScipy, SparseSolveScipy

    along = torch.linspace(0.0, 1.0, 4, dtype=F64)
    points = torch.stack(torch.meshgrid(along, along, indexing="ij"), -1).reshape(-1, 2)
    index = torch.arange(16).reshape(4, 4)
    first, last = slice(0, 3), slice(1, 4)
    corners = (first, first), (last, first), (first, last), (last, last)
    low, right, up, both = (index[a, b].reshape(-1) for a, b in corners)
    cells = torch.cat([torch.stack([low, right, both], 1), torch.stack([low, both, up], 1)])
    mesh = tm.Mesh(meshio.Mesh(points.numpy(), [("triangle", cells.numpy())]))
    diffusion = tm.AnisotropicLaplaceElementAssembler.from_mesh(mesh)
    mass = tm.MassElementAssembler.from_mesh(mesh)
    elastic = tm.LinearElasticityElementAssembler.from_mesh(mesh)
    weight = _rand(16, seed=274)

    def f(shift, tensor, load, loads):
        places = points + 0.03 * shift
        full = tensor @ tensor.mT + 0.5 * torch.eye(2, dtype=F64)
        stiff = diffusion(places, point_data={"A": full})
        heavy = mass(places)
        total = torch.cat([stiff.edata, heavy.edata])
        rows, columns = torch.cat([stiff.row, heavy.row]), torch.cat([stiff.col, heavy.col])
        heat = SparseSolveScipy.apply(total, rows, columns, (16, 16), load)
        several = SparseLUSolveScipy.apply(total.exp(), rows, columns, (16, 16), loads)
        bent = elastic(places)
        return (
            (heat * weight).sum()
            + several.sin().sum()
            + 1e-2 * (bent.edata * _rand(len(bent.edata), seed=275)).sum()
            + (heavy @ heat).square().sum()
        )

    start = {"shift": _rand(16, 2, seed=276), "tensor": _rand(16, 2, 2, seed=277), "load": _rand(16, seed=278)}
    return f, start | {"loads": _rand(16, 2, seed=279)}, "tensormesh"


def composed_operators():
    import cola
    from cola.linalg import CG, LU, Auto, Cholesky
    from cola.ops import Dense, Diagonal, Kronecker, Product, Tridiagonal

    eye, right = torch.eye(4, dtype=F64), _rand(4, 2, seed=280)

    def f(x, y, b, d):
        covariance = cola.PSD(Dense(x @ x.T + 0.5 * eye))
        other = Dense(y + 3.0 * eye)
        solved = cola.inv(covariance, CG(tol=1e-13, max_iters=100)) @ right
        direct = cola.inv(covariance, Cholesky()) @ b + cola.inv(other, LU()) @ b.sin()
        pair = Kronecker(Dense(x[:2, :2]), Dense(y[2:, 2:]))
        scaled = Product(Diagonal(d.exp()), other)
        band = Tridiagonal(d[:3, None], 2.0 + d.square()[:, None], d[1:, None])
        return (
            (solved * _rand(4, 2, seed=281)).sum()
            + direct.square().sum()
            + cola.linalg.logdet(covariance, Auto(), Auto())
            + (cola.linalg.diag(scaled) * _rand(4, seed=282)).sum()
            + cola.linalg.trace(pair)
            + ((pair @ b) * (scaled @ b)).sum()
            + ((band @ b).tanh() * (other.T @ d)).sum()
        )

    start = {"x": _rand(4, 4, seed=283), "y": _rand(4, 4, seed=284), "b": _rand(4, seed=285)}
    return f, start | {"d": 0.5 * _rand(4, seed=286)}, "cola"


def _complex_module(module, seed):
    """Start of a module with complex parameters, and a function that gives a copy of it with other values."""
    import copy

    base = {}
    for index, (name, value) in enumerate(module.named_parameters()):
        for part in ("real", "imag") if value.is_complex() else ("real",):
            first = getattr(value.detach(), part) if value.is_complex() else value.detach()
            base[f"{name}.{part}"] = first.to(F64) + 0.2 * _rand(*value.shape, seed=seed + index)
    names = {key.replace(".", "_"): key for key in base}

    def filled(values):
        fresh, found = copy.deepcopy(module), {}
        for key, value in values.items():
            name, _, part = names[key].rpartition(".")
            found.setdefault(name, {})[part] = value
        _fill(fresh, {n: torch.complex(v["real"], v["imag"]) if "imag" in v else v["real"] for n, v in found.items()})
        return fresh

    return filled, {key: base[name] for key, name in names.items()}


def complex_networks():
    from complextorch import nn as cnn

    torch.manual_seed(0)
    parts = torch.nn.ModuleDict({
        "line": cnn.Linear(3, 4), "norm": cnn.LayerNorm(4), "cell": cnn.GRUCell(4, 3), "long": cnn.LSTMCell(3, 2),
        "state": cnn.S4D(4, state_size=3), "turn": cnn.PhaseShift(4),
    })  # fmt: skip
    filled, start = _complex_module(parts, 290)

    def f(real, imaginary, **values):
        m = filled(values)
        x = torch.complex(real, imaginary)
        hidden = m["norm"](m["line"](x))
        signal = m["state"](hidden)
        gated = m["cell"](signal[:, 0], torch.complex(imaginary[:, 0], real[:, 0]))
        hold = torch.complex(real[:, 1, :2], imaginary[:, 2, :2])
        out, memory = m["long"](gated, (hold, hold.conj()))
        shifted = m["turn"](signal.transpose(1, 2))
        return (
            (signal.real * _rand(*signal.shape, seed=287)).sum()
            + out.abs().square().sum()
            + memory.imag.sin().sum()
            + shifted.real.cos().sum()
            + cnn.CVLogCoshError()(hidden, signal).real.sum()
        )

    return f, {"real": _rand(2, 5, 3, seed=288), "imaginary": _rand(2, 5, 3, seed=289)} | start, "complextorch"


def fault_inversion():
    import torchdeform as td

    deep, flat = td.OkadaSource(), td.OkadaSourceSimple(analytic_grad=True)
    smooth = td.OkadaSourceSimple(smooth_grad=True)
    east, north = _observers(330, 3)

    def f(place, dip, strike, depth, size, slip):
        where = (
            1e3 * place[:1],
            1e3 * place[1:],
            dip,
            strike,
            6e3 * depth.exp(),
            5e3 * size[:1].exp(),
            3e3 * size[1:].exp(),
        )
        slips = slip[:1], slip[1:2], slip[2:]
        inside = deep(east, north, torch.full((1, 3), -700.0, dtype=F64), *where, *slips)
        surface, soft = flat(east, north, *where, *slips), smooth(east, north, *where, *slips)
        return 1e2 * (
            (inside.e * _rand(1, 3, seed=332)).sum()
            + (inside.u * surface.u).sum()
            + surface.n.sin().sum()
            + (soft.e * _rand(1, 3, seed=333)).sum()
        )

    start = {
        "place": _rand(2, seed=334),
        "dip": torch.tensor([0.7], dtype=F64),
        "strike": torch.tensor([1.5], dtype=F64),
    }
    start |= {"depth": torch.tensor([0.1], dtype=F64), "size": 0.3 * _rand(2, seed=335), "slip": _rand(3, seed=336)}
    return f, start, "torchdeform"


def label_alignment():
    import ddtw

    options = {"backend": "torch", "dtype_float": F64}
    spoken = ddtw.CTC(gamma=0.8, **options)
    smooth = ddtw.dDTW(cost_function="BCE", min_function="smoothmin", gamma=0.9, normalization="M", **options)
    labels = torch.tensor([[1, 2], [2, 1]])

    def f(scores, query, tune):
        return (
            spoken(X=scores.log_softmax(-1), Y=labels)
            + smooth(X=query.sigmoid(), Y=tune.sigmoid())
            + smooth(C=query.square().sum((-1, -2))[:, :, None] + tune.sin().sum((-1, -2))[:, None, :])
        )

    start = {"scores": _rand(2, 4, 3, seed=340), "query": _rand(2, 3, 2, 1, seed=341)}
    return f, start | {"tune": _rand(2, 4, 2, 1, seed=342)}, "ddtw"


def cone_beam():
    import torchtomo

    angles = torch.linspace(0.0, 2.0, 3, dtype=F64)
    sources = 14.0 * torch.stack([angles.cos(), angles.sin(), 0.1 * angles], -1)
    across = torch.stack([-angles.sin(), angles.cos(), 0.0 * angles], -1)
    spots = torch.arange(-1, 2, dtype=F64) * 2.3
    up = torch.tensor([0.0, 0.0, 1.0], dtype=F64)
    panels = (
        -sources[:, None, None] + spots[None, :, None, None] * up + spots[None, None, :, None] * across[:, None, None]
    )
    beam = torchtomo.ConeBeam((4, 4, 4), sources, panels, n_samples=9).double()

    def f(volume, counts):
        seen = beam(volume)
        back = beam.adjoint(counts.sin())
        again = beam.adjoint(seen.tanh())
        return (
            (seen * _rand(*seen.shape, seed=343)).sum()
            + (back * _rand(*back.shape, seed=344)).sum()
            + again.square().sum()
        )

    return f, {"volume": _rand(1, 1, 4, 4, 4, seed=345), "counts": _rand(1, 1, 3, 3, 3, seed=346)}, "torchtomo"


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_")
}

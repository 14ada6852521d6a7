"""Functions of parameters over the packages of the further split; as in `drivers_development`.

Written apart from the engine. Backward formulas of the package's own are passed in torchspd,
torch_betainc, mrphy, torchcurves, cheetah, torcwa, torch_dxdt, torchesnufft and torch_sla.
"""

from __future__ import annotations

import torch
from drivers_development import F64, _rand
from drivers_fresh import _module_loss


def _number(value):
    return torch.tensor(value, dtype=F64)


def positive_definite_functions():
    import torchspd

    def f(x):
        a = x @ x.mT + 0.5 * torch.eye(3, dtype=F64)
        terms = [
            torchspd.sqrtm(a),
            torchspd.invsqrtm(a),
            torchspd.logm(a),
            torchspd.powm(a, 1.7),
            torchspd.expm(0.2 * a, return_eig=True)[0],
            torchspd.apply_quad(a, torch.sin, torch.cos),
            torchspd.expm(-a),
            torchspd.proj_psd(a - torch.eye(3, dtype=F64)),
        ]
        mean = torchspd.symmetrize(terms[0] @ torchspd.logm(torchspd.symmetrize(terms[1] @ a.flip(0) @ terms[1])))
        return sum((t * _rand(2, 3, 3, seed=1 + i)).sum() for i, t in enumerate(terms)) + mean.sin().sum()

    return f, {"x": _rand(2, 3, 3, seed=19)}, "torchspd"


def incomplete_beta():
    from torch_betainc import StudentT, betainc

    small, large = torch.tensor([0.6, 1.3, 2.4], dtype=F64), torch.tensor([2.1, 0.9, 3.2], dtype=F64)

    def f(a, b, x, y, t, loc, scale):
        lower = betainc(small, b.exp() + 1.0, 0.2 * x.sigmoid())
        upper = betainc(a.exp(), large, 1.0 - 0.1 * y.sigmoid())
        cumulated = StudentT(_number(4.3), 0.1 * loc, scale.exp()).cdf(t)
        return (
            (lower * _rand(3, seed=10)).sum()
            + upper.log().sum()
            + (lower * upper).cos().sum()
            + (cumulated.log() * _rand(4, seed=11)).sum()
        )

    start = {name: 0.5 * _rand(3, seed=12 + i) for i, name in enumerate(("a", "b", "x", "y"))}
    return f, start | {"t": _rand(4, seed=4), "loc": _number(0.4), "scale": _number(0.3)}, "torch_betainc"


def kernel_density():
    from torchkde import KernelDensity

    def f(points, at, width, weights):
        total = 0.0
        for kernel, options in (("gaussian", {}), ("exponential", {}), ("tophat-approx", {"beta": 2})):
            density = KernelDensity(bandwidth=width.exp(), kernel=kernel, kernel_kwargs=options)
            total = total + density.fit(points, weights.exp()).score_samples(at).sin().sum()
        scott = KernelDensity(bandwidth="scott").fit(points)
        return total + (scott.score_samples(at) * _rand(3, seed=15)).sum()

    start = {"points": _rand(5, 2, seed=16), "at": _rand(3, 2, seed=17), "width": _number(0.2)}
    return f, start | {"weights": 0.3 * _rand(5, seed=18)}, "torchkde"


def spin_precession():
    from mrphy import beffective, sims, slowsims

    step, ratio = torch.tensor([4e-6], dtype=F64), torch.tensor([4257.6], dtype=F64)
    relax = {"T1": torch.tensor([[1.0, 0.8]], dtype=F64) * 1e-3, "T2": torch.tensor([[0.05, 0.07]], dtype=F64) * 1e-3}

    def f(spins, rf, gr, loc, shift):
        field = beffective.rfgr2beff(rf, gr, loc, Δf=100.0 * shift, γ=ratio)
        turned = sims.blochsim(spins, field, **relax, γ=ratio, dt=step)
        free = sims.freeprec(turned, torch.tensor([3e-6], dtype=F64), **relax, Δf=torch.full((1, 2), 2e4, dtype=F64))
        slow = slowsims.blochsim(spins, field.flip(2), γ=ratio, dt=step)
        return (turned * _rand(1, 2, 3, seed=19)).sum() + free.square().sum() + slow.sin().sum()

    start = {"spins": _rand(1, 2, 3, seed=20), "rf": 3.0 * _rand(1, 2, 4, seed=21), "gr": 2.0 * _rand(1, 3, 4, seed=22)}
    return f, start | {"loc": _rand(1, 2, 3, seed=23), "shift": _rand(1, 2, seed=24)}, "mrphy"


def spin_pulses():
    from mrphy import beffective, slowsims, utils

    step, ratio = torch.tensor([4e-6], dtype=F64), torch.tensor([4257.6], dtype=F64)
    high, fast = _number(4.0), _number(3e6)

    def f(amplitude, phase, slew, spins):
        rf = utils.tρθ2rf(amplitude, phase, high)
        slower = utils.ts2s(slew, fast)
        gr = utils.s2g(slower, step)
        field = beffective.rfgr2beff(rf, gr, _rand(1, 2, 3, seed=25), γ=ratio)
        relaxed = {"E1": torch.tensor([0.99], dtype=F64), "E2": torch.tensor([0.9], dtype=F64)}
        turn, push = beffective.beff2ab(field, **relaxed, γ=ratio, dt=step)
        moved = slowsims.blochsim_ab(spins, turn, push)
        k = utils.g2k(gr, True, step, γ=ratio)
        again = utils.rf2tρθ(rf * 0.7, high)
        return (
            (moved * _rand(1, 2, 3, seed=26)).sum()
            + 0.01 * k.square().sum()
            + again[0].sin().sum()
            + utils.s2ts(0.5 * slower, fast).cos().sum()
        )

    start = {"amplitude": _rand(1, 1, 4, seed=27), "phase": _rand(1, 1, 4, seed=28), "slew": _rand(1, 3, 4, seed=29)}
    return f, start | {"spins": _rand(1, 2, 3, seed=30)}, "mrphy"


def parametric_curves():
    import torchcurves as curves
    from torchcurves import functional

    def f(x, points, coefficients, weights):
        inside = functional.rational(x, scale=0.8)
        splines = functional.bspline_curves(inside, points, degree=3)
        knots = torch.tensor([-1.0, -1.0, -1.0, -0.2, 0.1, 0.6, 1.0, 1.0, 1.0], dtype=F64)
        quadratic = functional.bspline_curves(functional.arctan(x), points, knots=knots, degree=2)
        legendre = functional.legendre_curves(inside, coefficients)
        basis = curves.BSplineBasis(degree=2, knots_config=6)
        return (
            (splines * _rand(*splines.shape, seed=31)).sum()
            + quadratic.square().sum()
            + legendre.sin().sum()
            + functional.legendre_curves(x.tanh(), coefficients.square()).cos().sum()
            + basis(x, weights).pow(3).sum()
        )

    start = {"x": _rand(4, 2, seed=32), "points": _rand(2, 6, 3, seed=33), "coefficients": _rand(5, 2, 2, seed=34)}
    return f, start | {"weights": _rand(2, 6, 1, seed=35)}, "torchcurves"


def curve_networks():
    import torchcurves as curves

    torch.manual_seed(0)
    layers = torch.nn.ModuleList(
        [
            curves.BSplineCurve(2, 3, degree=3, knots_config=6, input_map="real.arctan"),
            curves.LegendreCurve(3, 2, degree=4, input_map="real.rational"),
            curves.BSplineCurve(
                2, 1, degree=2, knots_config=5, parameter_range=(0.0, 2.0), input_map="nonneg.rational"
            ),
        ]
    )

    def loss(m):
        hidden = m[0](_rand(4, 2, seed=38)).sum(-2)
        hidden = m[1](hidden).sum(-2)
        return (m[2](hidden.square() + 0.1) * _rand(4, 2, 1, seed=39)).sum() + hidden.sin().sum()

    return *_module_loss(layers, loss, 36), "torchcurves"


def parametric_equaliser():
    from dasp_pytorch import functional as dasp

    names = [f"{band}_{what}" for band in ("low_shelf", "band0", "band1", "band2", "band3", "high_shelf")
             for what in ("gain_db", "cutoff_freq", "q_factor")]  # fmt: skip
    centres = torch.tensor([40.0, 80.0, 120.0, 200.0, 260.0, 320.0], dtype=F64)

    def f(x, gains, centre, q):
        bands = torch.stack([4.0 * gains, centres * (0.1 * centre).exp(), (0.2 * q).exp()], -1).reshape(-1)
        equal = dasp.parametric_eq(x, 1000.0, **{n: b.reshape(1) for n, b in zip(names, bands, strict=True)})
        return (equal * _rand(1, 1, 24, seed=36)).sum() + equal.pow(3).sum()

    start = {"x": _rand(1, 1, 24, seed=37), "gains": _rand(6, seed=38)}
    return f, start | {"centre": _rand(6, seed=39), "q": _rand(6, seed=40)}, "dasp_pytorch"


def audio_dynamics():
    from dasp_pytorch import functional as dasp

    def f(x, drive, level, ratio, attack, knee, makeup, width, pan):
        driven = dasp.distortion(dasp.gain(x, 1000, level), 1000, drive.expand(2))
        pressed = dasp.compressor(
            driven, 1000.0, -6.0 + level, 2.0 + ratio.exp(), 5.0 * attack.exp(), torch.full((1,), 50.0, dtype=F64),
            8.0 * knee.exp(), makeup,
        )  # fmt: skip
        wide = dasp.stereo_widener(pressed, 1000.0, width.sigmoid())
        panned = dasp.stereo_panner(x[:, :1], 1000.0, pan.sigmoid()[:, None])
        bus = dasp.stereo_bus(torch.stack([wide, panned.reshape(1, 2, -1)], 2), 1000, torch.cat([level, drive]))
        return (bus * _rand(1, 2, 16, seed=41)).sum() + wide.square().sum()

    start = {name: 0.3 * _rand(1, seed=42 + i) for i, name in enumerate(
        ("drive", "level", "ratio", "attack", "knee", "makeup", "width", "pan"))}  # fmt: skip
    return f, {"x": _rand(1, 2, 16, seed=50)} | start, "dasp_pytorch"


def _beam(cheetah, energy):
    mu = torch.cat([1e-2 * _rand(6, seed=51), torch.ones(1, dtype=F64)])
    half = 1e-2 * _rand(6, 6, seed=52)
    cov = torch.zeros(7, 7, dtype=F64)
    cov[:6, :6] = half @ half.T
    return cheetah.ParameterBeam(mu, cov, energy)


def accelerator_line():
    import cheetah

    def f(lengths, k1, angle, tilt, shift, energy):
        segment = cheetah.Segment([
            cheetah.Drift(length=lengths[0].exp()),
            cheetah.Quadrupole(length=lengths[1].exp(), k1=k1[0], tilt=tilt, misalignment=0.01 * shift),
            cheetah.Dipole(
                length=lengths[2].exp(), angle=angle[0], k1=k1[1], dipole_e1=0.2 * angle[1], dipole_e2=0.1 * angle[2],
                tilt=tilt * 0.5, gap=_number(0.05), fringe_integral=_number(0.4),
            ),
            cheetah.Quadrupole(length=lengths[3].exp(), k1=-k1[0]),
            cheetah.Solenoid(length=lengths[1].exp(), k=k1[1]),
        ])  # fmt: skip
        out = segment.track(_beam(cheetah, 2e6 * energy.exp()))
        matrix = segment.first_order_transfer_map(2e6 * energy.exp(), out.species)
        return (
            1e3 * (out.mu * _rand(7, seed=53)).sum()
            + 1e3 * (out.cov * _rand(7, 7, seed=54)).sum()
            + (matrix * _rand(7, 7, seed=55)).sin().sum()
        )

    return (
        f,
        {
            "lengths": 0.5 * _rand(4, seed=56) - 1.0,
            "k1": torch.tensor([1.8, -2.3], dtype=F64),
            "angle": torch.tensor([0.4, 0.9, 0.7], dtype=F64),
            "tilt": _number(0.3),
            "shift": _rand(2, seed=57),
            "energy": _number(0.2),
        },
        "cheetah",
    )


def accelerator_second_order():
    import cheetah
    from cheetah.track_methods import base_rmatrix, base_ttensor

    def f(length, k1, k2, hx, energy):
        electron = cheetah.Species("electron")
        where = {"species": electron, "energy": 2e6 * energy.exp()}
        second = base_ttensor(length, k1, k2, hx, **where)
        first = base_rmatrix(length, k1, hx, **where)
        return (second * _rand(2, 7, 7, 7, seed=58)).sum() + (first * _rand(2, 7, 7, seed=59)).sin().sum()

    return (
        f,
        {
            "length": torch.tensor([0.6, 0.9], dtype=F64),
            "k1": torch.tensor([1.4, -1.9], dtype=F64),
            "k2": torch.tensor([0.7, -0.5], dtype=F64),
            "hx": torch.tensor([0.4, 0.6], dtype=F64),
            "energy": _number(0.3),
        },
        "cheetah",
    )


def accelerator_special_functions():
    import cheetah
    from cheetah.utils import autograd, bmadx, statistics

    ones = autograd.log1pdiv, autograd.si1mdiv, autograd.sicos1mdiv, autograd.sipsicos3mdiv
    twos = autograd.cossqrtmcosdivdiff, autograd.simsidivdiff, autograd.si2msi2divdiff

    def f(x, a, b):
        rest = _number(0.511e6)
        drifted = bmadx.track_a_drift(a[:1].exp(), *(0.1 * x.roll(i) for i in range(6)), 2e6 * b[:1].exp(), rest)
        late = bmadx.low_energy_z_correction(0.1 * x, 2e6 * b[:1].exp(), rest, a[:1])
        matrix, longer = bmadx.calculate_quadrupole_coefficients(a, b[:1].exp(), 1.0 + 0.1 * x)
        gamma, _, beta = cheetah.utils.compute_relativistic_factors(1e6 * a.exp() + 1e6, rest)
        spread = statistics.unbiased_weighted_std(x, a.exp())
        along = statistics.unbiased_weighted_covariance_matrix(torch.stack([x, b], -1), a.exp())
        return (
            sum((g(x) * _rand(4, seed=60 + i)).sum() for i, g in enumerate(ones))
            + sum((g(a, b) * _rand(4, seed=64 + i)).sum() for i, g in enumerate(twos))
            + (autograd.sqrta2minusbdiva(1.5 + a.exp(), b) * _rand(4, seed=67)).sum()
            + (torch.stack(drifted).sin() * _rand(3, 4, seed=68)).sum()
            + (10.0 * late).sin().sum()
            + (matrix[1][0] * matrix[0][1]).tanh().sum()
            + longer[2].tanh().sum()
            + (gamma.log() * beta).sum()
            + spread.square()
            + along.pow(2).sum()
        )

    start = {"x": torch.tensor([-0.7, 0.4, 1.9, 3.1], dtype=F64), "a": torch.tensor([-1.2, 0.8, 2.1, 0.3], dtype=F64)}
    return f, start | {"b": torch.tensor([0.9, -1.5, 1.1, 4.2], dtype=F64)}, "cheetah"


def _particles(cheetah, particles, energy):
    return cheetah.ParticleBeam(torch.cat([1e-2 * particles, torch.ones(6, 1, dtype=F64)], 1), energy)


def accelerator_particles():
    import cheetah

    exact = {"tracking_method": "drift_kick_drift"}

    def f(particles, lengths, k1, angle, energy):
        segment = cheetah.Segment([
            cheetah.Drift(length=lengths[0].exp(), **exact),
            cheetah.Quadrupole(length=lengths[1].exp(), k1=k1, tilt=angle, num_steps=2, **exact),
            cheetah.Dipole(
                length=lengths[2].exp(), angle=angle, dipole_e1=0.3 * angle, gap=_number(0.05),
                fringe_integral=_number(0.4), **exact,
            ),
        ])  # fmt: skip
        out = segment.track(_particles(cheetah, particles, 6e6 * energy.exp()))
        return 10.0 * (out.particles[:, :6] * _rand(6, 6, seed=400)).sum() + 100.0 * out.sigma_px.sin()

    start = {"particles": _rand(6, 6, seed=401), "lengths": 0.5 * _rand(3, seed=402) - 1.0, "k1": _number(1.8)}
    return f, start | {"angle": _number(0.4), "energy": _number(0.2)}, "cheetah"


def accelerator_cavity():
    import cheetah

    def f(particles, length, voltage, phase, energy, kick):
        segment = cheetah.Segment([
            cheetah.Cavity(
                length=length.exp(), voltage=4e6 * voltage, phase=20.0 * phase, frequency=_number(1.3e9),
            ),
            cheetah.HorizontalCorrector(length=length.exp(), angle=0.01 * kick),
            cheetah.TransverseDeflectingCavity(
                length=length.exp(), voltage=1e5 * voltage, phase=0.1 * phase, frequency=_number(2.9e9),
                tracking_method="drift_kick_drift",
            ),
        ])  # fmt: skip
        out = segment.track(_particles(cheetah, particles, 6e6 * energy.exp()))
        return (
            10.0 * (out.particles[:, :6] * _rand(6, 6, seed=403)).sum()
            + (1e-7 * out.energy).square()
            + 10.0 * out.sigma_x.sin()
            + 1e3 * out.cov_xpx
            + 1e3 * out.emittance_y
        )

    start = {"particles": _rand(6, 6, seed=404), "length": _number(-0.7), "voltage": _number(1.2)}
    return f, start | {"phase": _number(0.6), "energy": _number(0.2), "kick": _number(0.7)}, "cheetah"


def smoothed_derivatives():
    import torch_dxdt as dx

    times = torch.linspace(0.0, 1.4, 15, dtype=F64)

    def f(x):
        total = (dx.dxdt(x, times, kind="whittaker", lmbda=2.0) * _rand(2, 15, seed=72)).sum()
        total = total + dx.dxdt(x, times, kind="finite_difference", k=1).sin().sum()
        total = total + dx.dxdt(x, times, kind="savitzky_golay", window_length=5, polyorder=3).cos().sum()
        total = total + dx.dxdt(x, times, kind="spline", s=0.01).sin().sum()
        total = total + dx.dxdt(x, times, kind="kernel", sigma=0.4, lmbd=0.1).cos().sum()
        total = total + dx.dxdt(x, times, kind="kalman", alpha=0.5).sin().sum()
        total = total + dx.dxdt(x, times, kind="spectral").cos().sum()
        smooth = dx.smooth_x(x, times, kind="whittaker", lmbda=3.0, d_order=3)
        return total + (smooth.square() * _rand(2, 15, seed=73)).sum()

    return f, {"x": _rand(2, 15, seed=74)}, "torch_dxdt"


def fourier_spreading():
    from torchesnufft import functional as nu

    def f(x, re, im, at):
        strength = torch.complex(re, im)
        grid = nu.nufft1(x, strength, (4, 6), eps=1e-12)
        density = nu.get_density(x, strength, (4, 6), n_iter=2)
        back = nu.nufft2(at, grid * grid.abs(), eps=1e-12)
        return (
            (grid.real * _rand(1, 2, 4, 6, seed=75)).sum()
            + 1e-2 * (back.imag * _rand(1, 2, 3, seed=76)).sum()
            + density.square().sum()
        )

    start = {"x": _rand(2, 5, seed=77), "re": _rand(1, 2, 5, seed=78), "im": _rand(1, 2, 5, seed=79)}
    return f, start | {"at": _rand(2, 3, seed=80)}, "torchesnufft"


def coupled_waves():
    import torcwa

    def f(radius, centre, thickness, tilt, freq):
        shapes = torcwa.geometry(Lx=1.1, Ly=1.3, nx=12, ny=12, edge_sharpness=6.0, dtype=F64, device="cpu")
        hole = shapes.ellipse(radius[0], radius[1], centre[0], centre[1], theta=tilt)
        shape = shapes.union(hole, shapes.rectangle(0.2, 0.3 * radius[1], 0.8, 0.9, theta=0.4))
        shape = shapes.difference(shape, 0.3 * shapes.circle(0.2 * radius[0], 0.4, 0.3))
        shape = shape + 0.2 * shapes.super_ellipse(0.3, radius[0], 0.6, 0.4, theta=tilt, power=3.0)
        simulation = torcwa.rcwa(freq, [1, 1], [1.1, 1.3], dtype=torch.complex128, device=torch.device("cpu"))
        simulation.add_input_layer(eps=1.4)
        simulation.add_output_layer(eps=1.9)
        simulation.set_incident_angle(0.2 * tilt, 0.3)
        simulation.add_layer(thickness[0].exp(), eps=(1.5 + 1.2 * shape).to(torch.complex128))
        simulation.add_layer(thickness[1].exp(), eps=_number(1.7))
        simulation.solve_global_smatrix()
        options = {"evanscent": 1e-9, "power_norm": False}
        through = simulation.S_parameters([[0, 0], [1, 0]], polarization="xx", **options)
        back = simulation.S_parameters([[0, 0], [1, 0]], polarization="xy", port="reflection", **options)
        simulation.source_planewave(amplitude=[1.0, 0.4])
        heights = torch.tensor([-0.2, 0.1, 0.9], dtype=F64)
        electric, magnetic = simulation.field_xz(torch.tensor([0.2, 0.7], dtype=F64), heights, 0.3)
        fields = torch.stack([*electric, *magnetic])
        return (
            (through.abs().square() * _rand(2, seed=70)).sum()
            + back.real.sum()
            + (fields.real * _rand(6, 2, 3, seed=81)).sum()
            + (fields.abs().square() * _rand(6, 2, 3, seed=82)).sum()
        )

    start = {"radius": torch.tensor([0.35, 0.45], dtype=F64), "centre": torch.tensor([0.5, 0.6], dtype=F64)}
    start |= {"thickness": torch.tensor([-0.9, -1.4], dtype=F64), "tilt": _number(0.7), "freq": _number(0.8)}
    return f, start, "torcwa"


class _Field(torch.nn.Module):
    """A vector field whose parameters are the tensors that it was given."""

    def __init__(self, first, second):
        super().__init__()
        self._parameters["first"], self._parameters["second"] = first, second

    def forward(self, t, x):
        return torch.tanh(x @ self.first + t) @ self.second - 0.2 * x


def ode_solvers():
    from torchdyn.numerics import odeint, odeint_mshooting

    times = torch.linspace(0.0, 0.9, 7, dtype=F64)

    def f(first, second, x):
        field = _Field(first, second)
        total = 0.0
        for index, solver in enumerate(("euler", "midpoint", "rk4", "dopri5", "tsit5")):
            _, states = odeint(field, x, times, solver=solver, atol=1e-7, rtol=1e-7)
            total = total + (states[-1].sin() * _rand(2, 2, seed=90 + index)).sum() + states[3].square().sum()
        _, shot = odeint_mshooting(field, x, times, solver="mszero", fine_steps=2, maxiter=2)
        return total + (shot[-1] * _rand(2, 2, seed=96)).sum()

    return (
        f,
        {"first": 0.8 * _rand(2, 3, seed=97), "second": 0.8 * _rand(3, 2, seed=98), "x": _rand(2, 2, seed=99)},
        "torchdyn",
    )


def _subnet(inside, outside):
    return torch.nn.Sequential(
        torch.nn.Linear(inside, 4, bias=False), torch.nn.Tanh(), torch.nn.Linear(4, outside, bias=False)
    )


def coupling_flow():
    import FrEIA.framework as ff
    import FrEIA.modules as fm

    torch.manual_seed(0)
    flow = ff.SequenceINN(4)
    for block in (fm.GLOWCouplingBlock, fm.RNVPCouplingBlock, fm.NICECouplingBlock, fm.GINCouplingBlock):
        flow.append(block, subnet_constructor=_subnet)
    flow.append(fm.AffineCouplingOneSided, subnet_constructor=_subnet)

    def loss(m):
        z, jacobian = m(_rand(3, 4, seed=100))
        back, other = m(0.5 * z.tanh(), rev=True)
        return (0.5 * z.square()).sum() - jacobian.sum() + (back * _rand(3, 4, seed=101)).sum() + other.sin().sum()

    return *_module_loss(flow, loss, 102), "FrEIA"


def invertible_layers():
    import FrEIA.framework as ff
    import FrEIA.modules as fm
    import numpy as np

    torch.manual_seed(0)
    np.random.seed(0)
    flow = ff.SequenceINN(4)
    flow.append(fm.AllInOneBlock, subnet_constructor=_subnet, learned_householder_permutation=2)
    flow.append(fm.InvAutoActTwoSided)
    flow.append(fm.LearnedElementwiseScaling)
    flow.append(fm.HouseholderPerm, n_reflections=2)
    flow.append(fm.AllInOneBlock, subnet_constructor=_subnet, global_affine_type="EXP")
    flow.append(fm.InvertibleSigmoid)

    def loss(m):
        z, jacobian = m(_rand(3, 4, seed=110))
        back, other = m(_rand(3, 4, seed=111).sigmoid(), rev=True)
        return (z * _rand(3, 4, seed=112)).sum() - jacobian.sum() + back.sin().sum() + 0.1 * other.square().sum()

    return *_module_loss(flow, loss, 113), "FrEIA"


def conditional_densities():
    from FrEIA.modules import ActNorm, ConditionalAffineTransform, FixedLinearTransform, GaussianMixtureModel

    mixture = GaussianMixtureModel([(3,)], [(2,), (2, 3), (2, 6)])
    turn = FixedLinearTransform([(3,)], M=torch.eye(3) + 0.2 * _rand(3, 3, seed=119).float(), b=torch.ones(3)).double()
    shift = ConditionalAffineTransform([(3,)], [(3,)], subnet_constructor=torch.nn.Linear).double()
    normal = ActNorm([(3,)]).double()
    normal.init_on_next_batch = False

    def f(x, w, mu, spread, slope, offset):
        weights = mixture.normalize_weights(w)
        vars(shift.subnet)["_parameters"].update(weight=slope, bias=offset)
        vars(normal)["_parameters"].update(scale=w[:1, :1] * offset[None, :3], bias=offset[None, 3:])
        (moved,), first = shift(turn([x])[0], [mu[:, 0]])
        (moved,), second = normal([moved])
        codes, jacobian = mixture([moved], [weights, mu, spread, None])
        back, _ = mixture([codes[0].tanh()], [weights, mu, spread, None], rev=True)
        chosen, part = mixture([x], [weights, mu, spread, torch.tensor([1, 0])])
        return (
            mixture.nll_loss(weights, codes[0], jacobian).sum()
            + 0.1 * mixture.nll_upper_bound(weights, codes[0], jacobian).sin().sum()
            + (back[0] * _rand(2, 2, 3, seed=120)).sum()
            + chosen[0].cos().sum()
            + part.square().sum()
            + (first * second).sum()
        )

    start = {"x": _rand(2, 3, seed=121), "w": _rand(2, 2, seed=122), "mu": _rand(2, 2, 3, seed=123)}
    start |= {"slope": 0.4 * _rand(6, 3, seed=125), "offset": 0.4 * _rand(6, seed=126)}
    return f, start | {"spread": 0.5 * _rand(2, 2, 6, seed=124)}, "FrEIA"


def _atoms():
    shifts = 0.1 * _rand(1, 5, 3, seed=130)
    return shifts + torch.tensor(
        [[[0.0, 0.0, 0.0], [1.1, 0.1, 0.0], [-0.4, 1.0, 0.1], [-0.3, -0.5, 0.9], [1.6, 1.0, 0.3]]], dtype=F64
    )


def atomic_environments():
    from torchani.aev import AEVComputer, ANIAngular, ANIRadial

    computer = AEVComputer(
        ANIRadial.cover_linearly(num_shifts=4, eta=2.0, cutoff_fn="smooth"),
        ANIAngular.cover_linearly(num_shifts=2, num_sections=2, eta=2.0, zeta=4.0, cutoff_fn="smooth"),
        num_species=2,
    ).double()
    kinds = torch.tensor([[0, 1, 1, 0, 1]])

    def f(positions, cell):
        free = computer(kinds, positions)
        box = 4.5 * torch.eye(3, dtype=F64) + cell
        periodic = computer(kinds, positions, box, torch.tensor([True, True, True]))
        return (free * _rand(*free.shape, seed=131)).sum() + (periodic.square() * _rand(*free.shape, seed=132)).sum()

    return f, {"positions": _atoms(), "cell": 0.1 * _rand(3, 3, seed=133)}, "torchani"


def atomic_potentials():
    from torchani import potentials
    from torchani.electro import ChargeNormalizer, compute_dipole

    symbols = ("H", "C", "O")
    kinds, numbers = torch.tensor([[1, 0, 0, 2, 0]]), torch.tensor([[6, 1, 1, 8, 1]])
    terms = [
        potentials.RepulsionXTB(symbols, cutoff=5.2),
        potentials.RepulsionZBL(symbols, cutoff=5.2),
        potentials.TwoBodyDispersionD3.from_functional(symbols, functional="wB97X", cutoff=8.0),
        potentials.LennardJones(symbols, cutoff=5.2),
    ]
    normalise = ChargeNormalizer.from_electronegativity_and_hardness(symbols, scale_weights_by_charges_squared=True)

    def f(positions, charges):
        energies = [t.double()(numbers, positions) for t in terms]
        settled = normalise.double()(kinds, charges)
        dipole = compute_dipole(numbers, positions, settled)
        scales = (1.0, 0.1, 100.0, 0.1)
        return (
            sum((s * e).sin().sum() for s, e in zip(scales, energies, strict=True))
            + (dipole * _rand(1, 3, seed=134)).sum()
            + settled.square().sum()
        )

    return f, {"positions": _atoms(), "charges": 0.5 * _rand(1, 5, seed=135)}, "torchani"


def dispersion_energy():
    from torch_dftd.dftd3_xc_params import get_dftd3_default_params
    from torch_dftd.nn.dftd3_module import DFTD3Module

    numbers = torch.tensor([6, 1, 1, 8, 1])
    edges = torch.combinations(torch.arange(5)).T
    shifts = torch.zeros(edges.shape[1], 3, dtype=F64)

    def module(damping, **options):
        return DFTD3Module(get_dftd3_default_params(damping, "pbe"), cutoff=30.0, cnthr=20.0, dtype=F64, **options)

    zero, becke = module("zero", abc=True), module("bj", cutoff_smoothing="poly")

    def f(positions):
        where = {"pos": positions[0], "edge_index": edges, "shift_pos": shifts}
        first = zero.calc_energy_batch(numbers, **where)
        second = becke.calc_energy_batch(numbers, **where, damping="bj")
        third = module("zerom").calc_energy_batch(numbers, **where, damping="zerom")
        return first.sum() + 10.0 * second.square().sum() + (100.0 * third).sin().sum()

    return f, {"positions": 1.6 * _atoms()}, "torch_dftd"


def learned_spectrogram():
    from dstft import DSTFT

    x = _rand(1, 20, seed=138)
    modes = [("time", "time"), ("frequency", "time"), ("time-frequency", "time")]
    transforms = torch.nn.ModuleList(
        [DSTFT(n_fft=8, win_length=6.0, hop_length=3.3, window_mode=w, hop_mode=h).double() for w, h in modes]
    )
    for transform in transforms:
        transform.initialize(x)

    def loss(m):
        total = 0.0
        for index, transform in enumerate(m):
            spectrum, values = transform(x)
            again = transform.inverse(values * spectrum) if index == 0 else spectrum
            total = total + (values.real * _rand(*values.shape, seed=136 + index)).sum() + again.sin().sum()
        return total

    return *_module_loss(transforms, loss, 140), "dstft"


def equivariant_network():
    from egnn_pytorch import EGNN

    torch.manual_seed(0)
    layers = torch.nn.ModuleList(
        [
            EGNN(dim=3, m_dim=2, fourier_features=1, norm_coors=True, norm_coors_scale_init=1.0, init_eps=0.5),
            EGNN(dim=3, m_dim=2, num_nearest_neighbors=2, soft_edges=True, m_pool_method="mean", init_eps=0.5),
        ]
    )

    def loss(m):
        features, points = _rand(1, 4, 3, seed=142), _rand(1, 4, 3, seed=143)
        mask = torch.tensor([[True, True, True, False]])
        for layer in m:
            features, points = layer(features, points, mask=mask)
        return (features * _rand(1, 4, 3, seed=144)).sum() + points[:, :3].sin().sum()

    return *_module_loss(layers, loss, 145), "egnn_pytorch"


def force_field():
    from torchmd import forces
    from torchmd.integrator import kinetic_energy, kinetic_to_temp
    from torchmd.parameters import calculate_AB, get_sigma_epsilon

    pairs = torch.combinations(torch.arange(5))
    kinds = torch.tensor([0, 1, 1, 0, 1])

    def f(positions, charges, sigma, epsilon, bonds, velocities):
        at = positions[0]
        dist, _, _ = forces.calculate_distances(at, pairs, 9.0 + 0.1 * sigma.sum().expand(3))
        A, B = calculate_AB(sigma.exp(), epsilon.exp())
        pot, force = forces.evaluate_LJ(dist, pairs, kinds, A, B, 1.5, 4.0)
        electric, _ = forces.evaluate_electrostatics(dist, pairs, charges, cutoff=4.0, rfa=True)
        plain, push = forces.evaluate_electrostatics(dist, pairs, charges, scale=1.2)
        stretch, pull = forces.evaluate_bonds(dist[:3], bonds)
        bend, (end, _, _) = forces.evaluate_angles(at[1:2] - at[:1], at[2:3] - at[:1], bonds[:1])
        twist = torch.cat([bonds[:2], torch.ones(2, 1, dtype=F64)], 1)
        torsion, turns = forces.evaluate_torsion(
            at[:1] - at[1:2], at[1:2] - at[2:3], at[2:3] - at[3:4], torch.tensor([0, 0]), twist
        )
        energy = kinetic_energy(sigma.exp()[kinds][:, None], velocities)
        again = get_sigma_epsilon(A.diagonal(), B.diagonal())
        return (
            (pot.tanh() + force.tanh() + 0.01 * electric + 0.001 * plain * push.tanh()).sum()
            + (stretch + pull.sin()).sum()
            + bend.sum()
            + end.sin().sum()
            + torsion.sum()
            + turns[1].sin().sum()
            + kinetic_to_temp(energy, 5).mul(1e-3).sin().sum()
            + (again[0] * again[1]).sum()
        )

    return (
        f,
        {
            "positions": _atoms(),
            "charges": 0.5 * _rand(5, seed=157),
            "sigma": 0.1 * _rand(2, seed=158),
            "epsilon": 0.3 * _rand(2, seed=159),
            "bonds": _rand(3, 2, seed=160, low=0.5),
            "velocities": 0.1 * _rand(1, 5, 3, seed=161),
        },
        "torchmd",
    )


def _laplacian(seed):
    row = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 0, 3])
    col = torch.tensor([0, 1, 0, 1, 2, 1, 2, 3, 2, 3, 3, 0])
    values = torch.where(row == col, 4.0, 0.0) + 0.5 * _rand(12, seed=seed)
    return row, col, values.to(F64)


def sparse_linear_systems():
    import torch_sla as sla

    row, col, start = _laplacian(162)

    def f(values, b, c):
        matrix = sla.SparseTensor(values, row, col, (4, 4))
        solved = sla.spsolve(values, row, col, (4, 4), b, backend="scipy")
        other = matrix.solve(c)
        product = matrix @ torch.stack([solved, other], 1)
        return (
            (solved * _rand(4, seed=163)).sum()
            + other.sin().sum()
            + product.square().sum()
            + matrix.det().abs().log()
            + (matrix @ matrix).to_dense().cos().sum()
            + (matrix * matrix).sum().sin()
        )

    return f, {"values": start, "b": _rand(4, seed=164), "c": _rand(4, seed=165)}, "torch_sla"


def sparse_nonlinear_systems():
    import torch_sla as sla

    row, col, start = _laplacian(166)

    def residual(u, values, b):
        product = torch.zeros_like(u).scatter_add(0, row, values * u[col])
        return product + u.pow(3) - b

    def f(values, b):
        zero = torch.zeros(4, dtype=F64)
        solved = sla.nonlinear_solve(residual, zero, values, b, tol=1e-10, atol=1e-11, linear_method="bicgstab")
        bounded = sla.vi_solve(residual, zero, values, b, lower=-0.05, upper=0.4, tol=1e-13, atol=1e-13)
        matrix = sla.SparseTensor(torch.cat([values, values]), torch.cat([row, col]), torch.cat([col, row]), (4, 4))
        levels, _ = matrix.eigsh(k=2)
        many = sla.spsolve_batch_same_layout(torch.stack([values, values.exp()]), row, col, (4, 4), torch.stack([b, b]))
        _, sizes, _ = (matrix + matrix.tanh()).svd(k=2)
        return (
            (solved * _rand(4, seed=167)).sum()
            + bounded.sin().sum()
            + levels.sin().sum()
            + (many * _rand(2, 4, seed=169)).sum()
            + sizes.log().sum()
            + (matrix.exp().sum(1) * _rand(4, seed=170)).sum()
            + matrix.norm().cos()
            + (matrix.T() @ b).square().sum()
        )

    return f, {"values": start, "b": _rand(4, seed=168)}, "torch_sla"


def structured_covariances():
    from azula.linalg.covariance import DiagonalCovariance, DPLRCovariance, FullCovariance, IsotropicCovariance
    from azula.linalg.solve import cg, gmres

    def f(scale, diagonal, low, full, x):
        isotropic = IsotropicCovariance(scale.exp())
        plain = DiagonalCovariance(diagonal.exp()) * isotropic + isotropic
        ranked = DPLRCovariance(diagonal.exp(), low) + plain
        values, vectors = torch.linalg.eigh(full @ full.T + torch.eye(4, dtype=F64))
        dense = FullCovariance(vectors, values) + isotropic
        total = 0.0
        for index, covariance in enumerate((plain, ranked, dense)):
            back = covariance.inv(x)
            total = total + covariance.logdet().sin() + (back * _rand(3, 4, seed=200 + index)).sum()
            total = total + covariance(back.tanh()).square().sum() + covariance.inv.logdet().cos()
        total = total + ranked.color(x).pow(2).sum() + plain.color(x).sin().sum()
        solved = cg(ranked, x, iterations=3) + gmres(ranked, x, iterations=2)
        return total + (solved * _rand(3, 4, seed=203)).sum()

    start = {"scale": _number(-0.3), "diagonal": 0.4 * _rand(4, seed=204), "low": _rand(4, 2, seed=205)}
    return f, start | {"full": _rand(4, 4, seed=206), "x": _rand(3, 4, seed=207)}, "azula"


class _Backbone(torch.nn.Module):
    """A small denoising network with the weights that it was given."""

    def __init__(self, first, second):
        super().__init__()
        self._parameters["first"], self._parameters["second"] = first, second

    def forward(self, x, t):
        return torch.tanh(x @ self.first + t[..., None]) @ self.second


def diffusion_steps():
    from azula import denoise, noise, sample
    from azula.linalg.covariance import DPLRCovariance

    schedules = [
        noise.VPSchedule(alpha_min=0.1),
        noise.CosineSchedule(),
        noise.RectifiedSchedule(),
        noise.VESchedule(0.1, 9.0),
    ]

    def f(first, second, mean, x, times):
        times = times.sigmoid().sort().values
        total = 0.0
        for index, schedule in enumerate(schedules):
            kind = denoise.KarrasDenoiser if index % 2 else denoise.SimpleDenoiser
            denoiser = kind(_Backbone(first, second), schedule)
            exact = denoise.GaussianDenoiser(mean, DPLRCovariance(mean.square() + 0.5, first), schedule)
            start = sample.HeunSampler(denoiser, silent=True).step(x, times[2], times[1])
            middle = sample.DDIMSampler(exact, eta=0.3, silent=True).step(start, times[1], times[0])
            total = total + (middle * _rand(2, 3, seed=210 + index)).sum()
            total = total + 0.1 * denoiser.loss(x, times[:2]).log()
        return total

    start = {"first": 0.6 * _rand(3, 2, seed=214), "second": 0.6 * _rand(2, 3, seed=215), "mean": _rand(3, seed=216)}
    return f, start | {"x": _rand(2, 3, seed=217), "times": torch.tensor([-1.0, 0.1, 1.1], dtype=F64)}, "azula"


def learned_filters():
    import asteroid_filterbanks as banks
    from asteroid_filterbanks import transforms

    sinc = [m.double() for m in banks.make_enc_dec("param_sinc", 6, 9, stride=3, sample_rate=8000.0)]
    analytic = [m.double() for m in banks.make_enc_dec("analytic_free", 6, 8, stride=4)]

    def f(wave, low, band, filters, others):
        for coder in sinc:
            vars(coder.filterbank)["_parameters"].update(low_hz_=1e3 * low.exp(), band_hz_=400.0 * band.exp())
        for coder, given in zip(analytic, (filters, others), strict=True):
            vars(coder.filterbank)["_parameters"].update(_filters=given)
        first = sinc[0](wave)
        again = sinc[1](transforms.apply_mag_mask(first, transforms.mag(first).sigmoid()))
        second = analytic[0](again[..., :24])
        rebuilt = analytic[1](transforms.mul_c(second, second.tanh()))
        size, phase = transforms.magphase(second)
        return (rebuilt * _rand(*rebuilt.shape, seed=241)).sum() + 0.1 * size.square().sum() + phase.cos().sum()

    start = {"low": 0.3 * _rand(3, 1, seed=242), "band": 0.3 * _rand(3, 1, seed=243), "wave": _rand(1, 1, 24, seed=240)}
    return f, start | {"filters": _rand(3, 1, 8, seed=244), "others": _rand(3, 1, 8, seed=245)}, "asteroid_filterbanks"


def normalised_energies():
    from asteroid_filterbanks import STFTFB, Decoder, Encoder, transforms
    from asteroid_filterbanks.griffin_lim import griffin_lim
    from asteroid_filterbanks.pcen import PCEN
    from asteroid_filterbanks.stft_fb import perfect_synthesis_window

    stft = Encoder(STFTFB(16, 16, stride=8)).double()
    window = perfect_synthesis_window(stft.filterbank.window, 8)
    back = Decoder(STFTFB(16, 16, stride=8, window=window)).double()
    pcen = PCEN(trainable=True, n_channels=1, smooth=0.3).double()

    def f(wave, alpha, delta, root, smooth):
        vars(pcen)["_parameters"].update(alpha=alpha.sigmoid(), delta=delta.exp(), root=1.0 + root.exp())
        vars(pcen.ema)["_parameters"].update(weights=smooth.sigmoid())
        spectrum = stft(wave)
        size = transforms.mag(spectrum)
        levels = pcen(size.square())
        masked = transforms.apply_complex_mask(spectrum, spectrum.sin())
        rebuilt = griffin_lim(size, stft, angles=transforms.angle(masked), istft_dec=back, n_iter=1)
        shifted = transforms.from_magphase(*transforms.magphase(masked))
        return (levels * _rand(*levels.shape, seed=243)).sum() + rebuilt.sin().sum() + shifted.square().sum()

    start = {n: 0.3 * _rand(1, seed=244 + i) for i, n in enumerate(("alpha", "delta", "root", "smooth"))}
    return f, {"wave": _rand(1, 1, 40, seed=248)} | start, "asteroid_filterbanks"


def phase_equilibria():
    import torch_flash as tf
    from torch_flash.activity.models import NRTL, Wilson

    fluids = tf.component_set(["methane", "ethane", "carbon dioxide"], dtype=F64)
    volumes = torch.tensor([3.8e-5, 5.5e-5, 4.4e-5], dtype=F64)

    def f(temperature, pressure, composition, energies, kij):
        state = 250.0 * temperature.exp(), 3e6 * pressure.exp(), composition.softmax(-1)
        pairs = 0.05 * (kij + kij.T)
        equation = tf.peng_robinson_1978(fluids, kij=pairs - torch.diag(pairs.diagonal()))
        volume = equation.molar_volume(*state, phase="vapor")
        again = equation.pressure(state[0], 2.0 * volume, state[2])
        nonrandom = torch.full((3, 3), 0.3, dtype=F64)
        activity = NRTL(1e3 * energies, nonrandom)
        wilson = Wilson(1e3 * energies, volumes)
        return (
            (equation.log_fugacity_coefficients(*state, phase="vapor") * _rand(2, 3, seed=250)).sum()
            + (1e-6 * again).sin().sum()
            + equation.residual_helmholtz_rt(state[0], volume, state[2]).sum()
            + activity.excess_gibbs_rt(state[0], state[2]).square().sum()
            + (wilson.log_activity_coefficients(state[0], state[2]) * _rand(2, 3, seed=251)).sum()
        )

    start = {"temperature": torch.tensor([0.1, 0.2], dtype=F64), "pressure": torch.tensor([-0.4, 0.1], dtype=F64)}
    start |= {"composition": _rand(2, 3, seed=252), "energies": _rand(3, 3, seed=253), "kij": _rand(3, 3, seed=254)}
    return f, start, "torch_flash"


def fluid_transport():
    import torch_flash as tf
    from torch_flash.transport import viscosity

    fluids = tf.component_set(["methane", "ethane", "propane"], dtype=F64)
    groups = tf.unifac_model(names=["ethanol", "water", "acetone"], dtype=F64)

    def f(temperature, density, composition):
        warm, shares = 300.0 * temperature.exp(), composition.softmax(-1)
        moles = 4e3 * density.exp()
        mass = moles * (shares * fluids.molar_mass).sum(-1)
        thick = viscosity.lbc_viscosity(warm, moles, shares, fluids)
        lee = viscosity.lee_gas_viscosity(warm, mass, (shares * fluids.molar_mass).sum(-1))
        return (
            (1e4 * thick).sin().sum()
            + (1e5 * lee * _rand(2, seed=255)).sum()
            + (1e5 * viscosity.methane_viscosity(warm, 1e-3 * moles)).cos().sum()
            + (1e-1 * viscosity.methane_bwr_pressure(warm[0], 1e-3 * moles[0])).sin()
            + viscosity.kinematic_viscosity(thick, mass).mul(1e6).square().sum()
            + (groups.log_activity_coefficients(warm, shares) * _rand(2, 3, seed=256)).sum()
        )

    start = {"temperature": torch.tensor([0.05, 0.2], dtype=F64), "density": torch.tensor([-0.2, 0.4], dtype=F64)}
    return f, start | {"composition": _rand(2, 3, seed=257)}, "torch_flash"


def unrolled_training():
    import higher

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    shapes = [p.shape for p in model.parameters()]
    x, y = _rand(5, 2, seed=260), _rand(5, 1, seed=261)
    kinds = {
        torch.optim.SGD: {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        torch.optim.Adam: {"lr": 0.05, "eps": 1e-3},
        torch.optim.RMSprop: {"lr": 0.05, "eps": 1e-3, "momentum": 0.4, "centered": True},
        torch.optim.Adagrad: {"lr": 0.1},
        torch.optim.Adadelta: {"lr": 0.7, "eps": 1e-3},
    }

    def f(rate, **weights):
        total = 0.0
        for kind, options in kinds.items():
            patched = higher.monkeypatch(model)
            override = {"lr": [rate.exp() * options["lr"]]}
            steps = higher.get_diff_optim(
                kind(model.parameters(), **options), list(model.parameters()), fmodel=patched, override=override
            )
            patched.update_params([w if w.requires_grad else w.clone().requires_grad_() for w in weights.values()])
            for _ in range(2):
                steps.step((patched(x) - y).square().sum())
            total = total + (patched(x) * _rand(5, 1, seed=262)).sin().sum()
        return total

    start = {f"w{i}": 0.8 * _rand(*shape, seed=263 + i) for i, shape in enumerate(shapes)}
    return f, {"rate": _number(-0.2)} | start, "higher"


def factorised_layers():
    import tltorch

    shapes = {"cp": 2, "tucker": 2, "tt": (1, 2, 2, 1)}
    tensors = {k: tltorch.FactorizedTensor.new((3, 4, 2), rank=r, factorization=k) for k, r in shapes.items()}
    layers = torch.nn.ModuleDict(
        {
            "conv": tltorch.FactorizedConv(2, 3, 2, order=2, rank=2, factorization="cp"),
            "line": tltorch.FactorizedLinear((2, 3), (2, 2), rank=2, factorization="blocktt", bias=False),
            "table": tltorch.FactorizedEmbedding(6, 4, auto_tensorize=False, tensorized_num_embeddings=(2, 3),
                                                 tensorized_embedding_dim=(2, 2), factorization="blocktt", rank=2),
            "trl": tltorch.TRL((3, 4), (2,), rank=2, factorization="cp"),
            "tcl": tltorch.TCL((3, 4), (2, 3), bias=False),
            **tensors,
        }
    )  # fmt: skip

    torch.manual_seed(0)
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, std=0.7)

    def loss(m):
        image, rows = _rand(1, 2, 4, 4, seed=291), _rand(2, 3, 4, seed=292)
        total = sum(
            (m[k].to_tensor() * _rand(3, 4, 2, seed=293 + i)).sin().sum() + m[k][1].to_tensor().pow(2).sum()
            for i, k in enumerate(("cp", "tucker"))
        )
        return (
            total
            + (m["tt"].to_tensor() * _rand(3, 4, 2, seed=296)).sum()
            + m["conv"](image).sin().sum()
            + (m["line"](_rand(2, 6, seed=297)) * _rand(2, 4, seed=298)).sum()
            + m["table"](torch.tensor([0, 2, 3, 5])).cos().sum()
            + m["trl"](rows).square().sum()
            + m["tcl"](rows).tanh().sum()
        )

    return *_module_loss(layers, loss, 300), "tltorch"


def fuzzy_logic():
    from torchnorms import negations, tconorms, tnorms

    def f(a, b, p):
        x, y = a.sigmoid(), b.sigmoid()
        weight = p.exp()
        total = 0.0
        for index, name in enumerate(("Frank", "Hamacher", "AczelAlsina", "Dombi", "SchweizerSklar", "Yager")):
            norm = getattr(tnorms, f"{name}TNorm")(p=weight[index])
            total = total + (norm(x, y) * _rand(4, seed=330 + index)).sum() + norm.conorm(x, y).square().sum()
        plain = tnorms.EinsteinTNorm()(x, y) + tnorms.HamacherProductTNorm()(y, x.square())
        other = tconorms.EinsteinTCoNorm()(x, y) * tconorms.HamacherTCoNorm(p=weight[0])(x, y)
        back = negations.YagerNegation(p=weight[1])(plain.tanh()) + negations.WeberNegation(p=weight[2])(other)
        return total + (back * _rand(4, seed=340)).sum()

    start = {"a": _rand(4, seed=341), "b": _rand(4, seed=342), "p": 0.3 * _rand(6, seed=343) + 0.5}
    return f, start, "torchnorms"


def truncated_normals():
    from stable_trunc_gaussian import TruncatedGaussian

    def f(mean, spread, low, width, at):
        bounds = low, low + width.exp() + 0.3
        first = TruncatedGaussian(mean, spread.exp(), *bounds)
        second = TruncatedGaussian(mean.flip(0) * 0.5, spread.flip(0).exp() + 0.2, *bounds)
        inside = bounds[0] + (bounds[1] - bounds[0]) * at.sigmoid()
        return (
            (first.log_prob(inside) * _rand(4, seed=350)).sum()
            + (first.mean * _rand(4, seed=351)).sum()
            + first.variance.log().sum()
            + (second.icdf(at.sigmoid()) * _rand(4, seed=352)).sum()
            + second.Z.square().sum()
            + torch.distributions.kl_divergence(first, second).sum()
        )

    start = {"mean": torch.tensor([0.2, -1.4, 1.7, 0.4], dtype=F64), "spread": 0.3 * _rand(4, seed=353)}
    return (
        f,
        start | {"low": torch.tensor([-0.7, -0.4, -1.1, 0.9], dtype=F64), "width": _rand(4, seed=354), "at": _rand(4)},
        "stable_trunc_gaussian",
    )


DRIVERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and "_" in name and not name.startswith("_")
}

/* Photons of pixels and their derivatives: rays, factors and the lattice sum of a square crystal in one pass.
 *
 *   image[p] = scale sum_{s,t,j} W (sum_r F2(h) g_a^2 g_b^2 g_c^2 + water),      W = Omega w_j P_j A_t
 *
 *   X = corner + f fast + s slow + z_t normal     R = |X|     d = X/R     X0, R0, d0: those of the first layer
 *   Omega = area/R0^3  (1/R0^2 for points)        w_j P_j = p_j + d0.M_j d0
 *   A_t = exp(-z_t mu/rho) (1 - exp(-D mu/rho))   rho = d.normal
 *   q = (d - i_j)/lambda_j      h_i = a_i(r).q    x = h - ceil(h - 1/2)
 *   g = sin(pi N x)/sin(pi x) = +-y P(y^2)/(x P(x^2)),   y = N x - m,   m = round(N x),   sin(pi x) = pi x P(x^2)
 *
 * With pi cot(pi x) = 1/x + x K(x^2) the slopes are, without cancellation at a spot since N/y - 1/x = m/(y x),
 *
 *   d ln|g|/dx = m/(y x) + N y K(y^2) - x K(x^2)        d ln|g|/dN = x (1/y + y K(y^2))
 *
 * h and x are formed in double precision, everything inside the sum over r in `real`. The lanes of a tile are pixels:
 * both sums of the backward pass, over orientations for a ray and over rays for an orientation, run down the vectors.
 * Loops over lanes have a fixed length and no branch, so that the compiler makes vector instructions of them.
 *
 * Built with -DSINGLE for single precision, with -DTABLE for listed structure factors.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef SINGLE
typedef float real;
#define TINY 1e-8f /* its cube, and the square of that, are still normal numbers */
#define ABS fabsf
#define ROUND rintf
#else
typedef double real;
#define TINY 1e-40
#define ABS fabs
#define ROUND rint
#endif

#define LANES 128
#define LANE_LOOP for (int i = 0; i < LANES; i++)
#define TOGETHER 128 /* orientations that are summed in `real`; their sums are added in double precision */

typedef double lanes[LANES];
typedef real real_lanes[LANES];

/* The order of the fields is that of `Arguments` in library.py; S, T, J, R count subpixels, layers, sources and
 * orientations. */
typedef struct {
    int64_t n_fast, S, T, J, R, point_pixel, absorbs, table_gradient;
    int64_t size[3], origin[3];
    const int64_t *pixels;      /* slow * n_fast + fast of each; NULL: all, in order */
    const double *frame;        /* corner, fast, slow, normal (4 x 3): metres, metres a pixel, metres a pixel, unit */
    const double *subpixels;    /* offsets along fast and slow (S x 2): pixels */
    const double *layers;       /* z, z mu (T x 2): metres, - */
    const double *factors;      /* area, D mu, scale, water, 1/dmin^2 */
    const double *sources;      /* i (3), 1/lambda, p, M xx yy zz xy xz yz (J x 11) */
    const double *orientations; /* a, b, c (R x 9): angstrom */
    const double *cells;        /* N (3) */
    const real *F2;             /* one number or a table: squared electrons */
} Arguments;

/* Where derivatives are added up, in double precision; same shapes. */
typedef struct {
    double *frame, *layers, *factors, *sources, *orientations, *cells, *F2;
} Slopes;

enum { AREA, D_MU, SCALE, WATER, LARGEST_Q2 };
enum { INVERSE_WAVELENGTH = 3, P0 = 4, QUADRATIC = 5, SOURCE = 11 };

/* sin(pi x)/(pi x) for |x| <= 1/2, z = x^2: minimax, relative error 7e-9 and 3e-19 */
static inline real P(real z) {
#ifdef SINGLE
    return 1.0f + z * (-1.6449332063f + z * (0.8117148426f + z * (-0.1904417527f + z * 0.0247186446f)));
#else
    return 1.0 + z * (-1.6449340668482263023 + z * (0.81174242528333932944 + z * (-0.19075182412149616942
         + z * (0.026147847805550960837 + z * (-0.0023460808954639609528 + z * (0.00014842784141891028381
         + z * (-6.9720996608511994612e-6 + z * 2.4502943624559792979e-7)))))));
#endif
}

/* (pi cot(pi x) - 1/x)/x for |x| <= 1/2, z = x^2: minimax, relative error 1.8e-7 and 1.3e-16 */
static inline real K(real z) {
#ifdef SINGLE
    return -3.2898675858f + z * (-2.1648037155f + z * (-2.0274795560f + z * (-2.1266240519f
         + z * (-1.1509570003f + z * -4.5965885009f))));
#else
    return -3.2898681336964524861 + z * (-2.1646464674228825575 + z * (-2.0346861238117985083
         + z * (-2.0081547283878777381 + z * (-2.0019883034248791417 + z * (-2.0005189366037339488
         + z * (-1.9995769729712816745 + z * (-2.0075347895586976484 + z * (-1.9286243259066213554
         + z * (-2.473097263352872576 + z * (0.16332717285215233749 + z * (-8.6019229803171189882
         + z * (10.452969524418483907 + z * -13.937292745877583143))))))))))));
#endif
}

static inline real off_0(real x) { return ABS(x) < TINY ? TINY : x; }

#ifdef TABLE
static inline double clamped(double index, double size) {
    index = index > 0.0 ? index : 0.0; /* NaN becomes 0 */
    return index < size - 1.0 ? index : size - 1.0;
}

/* Place in the padded table of the entry nearest to whole indices; whatever is outside is in the padding. */
static inline int32_t entry(const Arguments *a, double h, double k, double l) {
    int32_t i = (int32_t)clamped(h - a->origin[0], a->size[0]);
    int32_t j = (int32_t)clamped(k - a->origin[1], a->size[1]);
    int32_t n = (int32_t)clamped(l - a->origin[2], a->size[2]);
    return (i * (int32_t)a->size[1] + j) * (int32_t)a->size[2] + n;
}
#endif

/* ---- rays --------------------------------------------------------------------------------------------------- */

typedef struct {
    lanes direction[3], inverse_distance;
} Points;

typedef struct {
    lanes fast, slow; /* corner of each pixel, in pixels */
    Points first, other;
    lanes omega_of_area, omega, captured, weight, visible, q[3];
} Tile;

/* A whole number below 2^52 from its bits: vectors have no instruction for it everywhere. */
static inline double exact(int64_t n) {
    double shifted;
    n += 0x4330000000000000;
    memcpy(&shifted, &n, sizeof shifted);
    return shifted - 0x1p52;
}

static void place(const Arguments *a, int64_t start, int64_t count, Tile *restrict tile) {
    const double n_fast = (double)a->n_fast, inverse = 1.0 / n_fast;
    int64_t pixel[LANES];
    if (a->pixels) memcpy(pixel, a->pixels + start, count * sizeof *pixel);
    else for (int64_t i = 0; i < count; i++) pixel[i] = start + i;
    for (int64_t i = count; i < LANES; i++) pixel[i] = pixel[0]; /* computed with the others, used by nobody */
    LANE_LOOP {
        double p = exact(pixel[i]), slow = floor((p + 0.5) * inverse);
        tile->slow[i] = slow, tile->fast[i] = p - slow * n_fast;
    }
}

static void points(const Arguments *a, const Tile *tile, int64_t s, int64_t t, Points *restrict out) {
    const double *corner = a->frame, *fast = corner + 3, *slow = corner + 6, *normal = corner + 9;
    const double along0 = a->subpixels[2 * s], across0 = a->subpixels[2 * s + 1], z = a->layers[2 * t];
    double X0[3], f[3], w[3];
    for (int k = 0; k < 3; k++) X0[k] = corner[k] + z * normal[k], f[k] = fast[k], w[k] = slow[k];
    LANE_LOOP {
        double along = tile->fast[i] + along0, across = tile->slow[i] + across0;
        double X = X0[0] + along * f[0] + across * w[0];
        double Y = X0[1] + along * f[1] + across * w[1];
        double Z = X0[2] + along * f[2] + across * w[2];
        double inverse = 1.0 / sqrt(X * X + Y * Y + Z * Z);
        out->direction[0][i] = X * inverse, out->direction[1][i] = Y * inverse, out->direction[2][i] = Z * inverse;
        out->inverse_distance[i] = inverse;
    }
}

static void solid_angles(const Arguments *a, Tile *tile) {
    const double area = a->factors[AREA], flat = a->point_pixel ? 0.0 : 1.0;
    LANE_LOOP {
        double inverse = tile->first.inverse_distance[i];
        tile->omega_of_area[i] = inverse * inverse * (flat * inverse + (1.0 - flat));
        tile->omega[i] = area * tile->omega_of_area[i];
    }
}

static void captured(const Arguments *a, int64_t t, const Points *here, Tile *tile) {
    const double *n = a->frame + 9, z_mu = a->layers[2 * t + 1], D_mu = a->factors[D_MU];
    LANE_LOOP {
        double rho = here->direction[0][i] * n[0] + here->direction[1][i] * n[1] + here->direction[2][i] * n[2];
        tile->captured[i] = !a->absorbs ? 1.0 : rho > 0.0 ? -exp(-z_mu / rho) * expm1(-D_mu / rho) : 0.0;
    }
}

/* w_j P_j */
static inline double polarized(const double *source, double x, double y, double z) {
    const double *m = source + QUADRATIC;
    return source[P0] + m[0] * x * x + m[1] * y * y + m[2] * z * z + 2.0 * (m[3] * x * y + m[4] * x * z + m[5] * y * z);
}

static void rays(const Arguments *a, int64_t j, const Points *here, Tile *restrict tile) {
    const double largest_q2 = a->factors[LARGEST_Q2];
    double source[SOURCE];
    memcpy(source, a->sources + SOURCE * j, sizeof source);
    const double inverse = source[INVERSE_WAVELENGTH];
    LANE_LOOP {
        double x = (here->direction[0][i] - source[0]) * inverse;
        double y = (here->direction[1][i] - source[1]) * inverse;
        double z = (here->direction[2][i] - source[2]) * inverse;
        const double d0 = tile->first.direction[0][i], d1 = tile->first.direction[1][i], d2 = tile->first.direction[2][i];
        tile->q[0][i] = x, tile->q[1][i] = y, tile->q[2][i] = z;
        tile->visible[i] = x * x + y * y + z * z <= largest_q2 ? 1.0 : 0.0;
        tile->weight[i] = tile->omega[i] * polarized(source, d0, d1, d2) * tile->captured[i];
    }
}

/* ---- the sum over orientations ------------------------------------------------------------------------------ */

/* sum_r F2 g_a^2 g_b^2 g_c^2 of every ray */
static void lattice_sum(const Arguments *a, lanes *q, lanes sum) {
    const real Na = a->cells[0], Nb = a->cells[1], Nc = a->cells[2];
    const double *q0 = q[0], *q1 = q[1], *q2 = q[2];
    LANE_LOOP sum[i] = 0.0;
    for (int64_t start = 0; start < a->R; start += TOGETHER) {
        real_lanes part = {0};
        for (int64_t r = start; r < a->R && r < start + TOGETHER; r++) {
            const double *A = a->orientations + 9 * r;
            LANE_LOOP {
                double h = q0[i] * A[0] + q1[i] * A[1] + q2[i] * A[2];
                double k = q0[i] * A[3] + q1[i] * A[4] + q2[i] * A[5];
                double l = q0[i] * A[6] + q1[i] * A[7] + q2[i] * A[8];
                double h0 = ceil(h - 0.5), k0 = ceil(k - 0.5), l0 = ceil(l - 0.5);
                real u = off_0((real)(h - h0)), v = off_0((real)(k - k0)), w = off_0((real)(l - l0));
                real yu = Na * u - ROUND(Na * u), yv = Nb * v - ROUND(Nb * v), yw = Nc * w - ROUND(Nc * w);
                real g = yu * P(yu * yu) * (yv * P(yv * yv)) * (yw * P(yw * yw))
                       / (u * P(u * u) * (v * P(v * v)) * (w * P(w * w)));
#ifdef TABLE
                part[i] += a->F2[entry(a, h0, k0, l0)] * g * g;
#else
                part[i] += g * g;
#endif
            }
        }
        LANE_LOOP sum[i] += part[i];
    }
#ifndef TABLE
    const double F2 = *a->F2;
    LANE_LOOP sum[i] *= F2;
#endif
}

/* Photons of pixels start to stop of the list. */
void forward(const Arguments *a, int64_t start, int64_t stop, real *image) {
    Tile tile;
    for (int64_t n = start; n < stop; n += LANES) {
        const int64_t count = stop - n < LANES ? stop - n : LANES;
        lanes total = {0}, sum;
        place(a, n, count, &tile);
        for (int64_t s = 0; s < a->S; s++) {
            points(a, &tile, s, 0, &tile.first);
            solid_angles(a, &tile);
            for (int64_t t = 0; t < a->T; t++) {
                Points *here = t ? &tile.other : &tile.first;
                if (t) points(a, &tile, s, t, here);
                captured(a, t, here, &tile);
                for (int64_t j = 0; j < a->J; j++) {
                    rays(a, j, here, &tile);
                    lattice_sum(a, tile.q, sum);
                    const double water = a->factors[WATER];
                    LANE_LOOP total[i] += tile.weight[i] * (tile.visible[i] * sum[i] + water);
                }
            }
        }
        for (int64_t i = 0; i < count; i++) image[n + i] = (real)(a->factors[SCALE] * total[i]);
    }
}

/* ---- derivatives -------------------------------------------------------------------------------------------- */

#ifdef TABLE
/* Neighbouring pixels mostly share an entry: their shares are added before they are written. */
static void add_to_table(const int32_t *entries, const real *shares, double *table) {
    double run = 0.0;
    for (int i = 0; i < LANES; i++) {
        run += shares[i];
        if (i == LANES - 1 || entries[i + 1] != entries[i]) table[entries[i]] += run, run = 0.0;
    }
}
#endif

/* One row of cells: x, y, m, sin/pi of both, and the slopes of ln|g|. */
#define GRATING(x, N, y, m, sine_x, sine_y, by_x, by_N)                                                               \
    const real m = ROUND(N * x), y = off_0(N * x - m), sine_x = x * P(x * x), sine_y = y * P(y * y);                  \
    const real inverse_##x = 1 / (y * x), steep_##x = y * K(y * y);                                                   \
    const real by_x = m * inverse_##x + N * steep_##x - x * K(x * x), by_N = x * (x * inverse_##x + steep_##x);

/* The sum over orientations again, with what its share `weight` of the loss gives to q, the orientations, the cells
 * and listed structure factors. Every term I = F2 g_a^2 g_b^2 g_c^2 has the slope 2 I d ln|g|. */
static void lattice_slopes(const Arguments *a, lanes *q, lanes weight, lanes sum, lanes *q_slope, Slopes *out) {
    const real Na = a->cells[0], Nb = a->cells[1], Nc = a->cells[2];
    const double *q0 = q[0], *q1 = q[1], *q2 = q[2];
    real_lanes f0, f1, f2, share;
#ifdef TABLE
    int32_t entries[LANES];
    real_lanes squares;
    const real F2 = 1;
#else
    const real F2 = *a->F2;
#endif
    LANE_LOOP share[i] = weight[i] * F2, sum[i] = q_slope[0][i] = q_slope[1][i] = q_slope[2][i] = 0.0;
    for (int64_t start = 0; start < a->R; start += TOGETHER) {
        real_lanes part = {0}, s0 = {0}, s1 = {0}, s2 = {0};
        for (int64_t r = start; r < a->R && r < start + TOGETHER; r++) {
            const double *A = a->orientations + 9 * r;
            real n0 = 0, n1 = 0, n2 = 0;
            LANE_LOOP {
                double h = q0[i] * A[0] + q1[i] * A[1] + q2[i] * A[2];
                double k = q0[i] * A[3] + q1[i] * A[4] + q2[i] * A[5];
                double l = q0[i] * A[6] + q1[i] * A[7] + q2[i] * A[8];
                double h0 = ceil(h - 0.5), k0 = ceil(k - 0.5), l0 = ceil(l - 0.5);
                const real u = off_0((real)(h - h0)), v = off_0((real)(k - k0)), w = off_0((real)(l - l0));
                GRATING(u, Na, yu, mu, sine_u, sine_yu, by_u, by_Na)
                GRATING(v, Nb, yv, mv, sine_v, sine_yv, by_v, by_Nb)
                GRATING(w, Nc, yw, mw, sine_w, sine_yw, by_w, by_Nc)
                real g = sine_yu * sine_yv * sine_yw / (sine_u * sine_v * sine_w), I = g * g;
#ifdef TABLE
                entries[i] = entry(a, h0, k0, l0), squares[i] = share[i] * I;
                I *= a->F2[entries[i]];
#endif
                part[i] += I;
                real twice = 2 * share[i] * I;
                f0[i] = twice * by_u, f1[i] = twice * by_v, f2[i] = twice * by_w;
                n0 += twice * by_Na, n1 += twice * by_Nb, n2 += twice * by_Nc;
            }
            real A0 = A[0], A1 = A[1], A2 = A[2], A3 = A[3], A4 = A[4], A5 = A[5], A6 = A[6], A7 = A[7], A8 = A[8];
            real t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, t5 = 0, t6 = 0, t7 = 0, t8 = 0;
            LANE_LOOP {
                real x = q0[i], y = q1[i], z = q2[i];
                s0[i] += f0[i] * A0 + f1[i] * A3 + f2[i] * A6;
                s1[i] += f0[i] * A1 + f1[i] * A4 + f2[i] * A7;
                s2[i] += f0[i] * A2 + f1[i] * A5 + f2[i] * A8;
                t0 += f0[i] * x, t1 += f0[i] * y, t2 += f0[i] * z;
                t3 += f1[i] * x, t4 += f1[i] * y, t5 += f1[i] * z;
                t6 += f2[i] * x, t7 += f2[i] * y, t8 += f2[i] * z;
            }
            double *T = out->orientations + 9 * r;
            T[0] += t0, T[1] += t1, T[2] += t2, T[3] += t3, T[4] += t4, T[5] += t5, T[6] += t6, T[7] += t7, T[8] += t8;
            out->cells[0] += n0, out->cells[1] += n1, out->cells[2] += n2;
#ifdef TABLE
            if (a->table_gradient) add_to_table(entries, squares, out->F2);
#endif
        }
        LANE_LOOP sum[i] += part[i], q_slope[0][i] += s0[i], q_slope[1][i] += s1[i], q_slope[2][i] += s2[i];
    }
#ifndef TABLE
    double squares = 0.0;
    LANE_LOOP squares += weight[i] * sum[i], sum[i] *= F2;
    *out->F2 += squares;
#endif
}

/* What the slope of the loss with the photons gives to the factors of a ray; P is a quadratic form of d0. */
static void weight_slopes(const Arguments *a, int64_t j, const Tile *tile, const lanes upstream, const lanes sum,
                          lanes *restrict first_slope, lanes omega_slope, lanes captured_slope, Slopes *out) {
    double m[SOURCE], scale = a->factors[SCALE], water = a->factors[WATER], by_scale = 0, by_water = 0;
    double p = 0, xx = 0, yy = 0, zz = 0, xy = 0, xz = 0, yz = 0;
    memcpy(m, a->sources + SOURCE * j, sizeof m);
    LANE_LOOP {
        const double x = tile->first.direction[0][i], y = tile->first.direction[1][i], z = tile->first.direction[2][i];
        const double photons = tile->visible[i] * sum[i] + water, by_weight = scale * upstream[i] * photons;
        const double by_polar = by_weight * tile->omega[i] * tile->captured[i], polar = polarized(m, x, y, z);
        by_scale += upstream[i] * tile->weight[i] * photons, by_water += scale * upstream[i] * tile->weight[i];
        omega_slope[i] += by_weight * polar * tile->captured[i];
        captured_slope[i] += by_weight * polar * tile->omega[i];
        p += by_polar, xx += by_polar * x * x, yy += by_polar * y * y, zz += by_polar * z * z;
        xy += 2.0 * by_polar * x * y, xz += 2.0 * by_polar * x * z, yz += 2.0 * by_polar * y * z;
        first_slope[0][i] += 2.0 * by_polar * (m[5] * x + m[8] * y + m[9] * z);
        first_slope[1][i] += 2.0 * by_polar * (m[8] * x + m[6] * y + m[10] * z);
        first_slope[2][i] += 2.0 * by_polar * (m[9] * x + m[10] * y + m[7] * z);
    }
    const double added[] = {p, xx, yy, zz, xy, xz, yz};
    for (int n = 0; n < 7; n++) out->sources[SOURCE * j + P0 + n] += added[n];
    out->factors[SCALE] += by_scale, out->factors[WATER] += by_water;
}

/* q = (d - i_j)/lambda_j */
static void q_slopes(const Arguments *a, int64_t j, const lanes *q_slope, const Points *here,
                     lanes *restrict here_slope, Slopes *out) {
    const double *source = a->sources + SOURCE * j, inverse = source[INVERSE_WAVELENGTH];
    const double i0 = source[0], i1 = source[1], i2 = source[2];
    double by_inverse = 0, x = 0, y = 0, z = 0;
    LANE_LOOP {
        const double q0 = q_slope[0][i], q1 = q_slope[1][i], q2 = q_slope[2][i];
        by_inverse += q0 * (here->direction[0][i] - i0) + q1 * (here->direction[1][i] - i1)
                    + q2 * (here->direction[2][i] - i2);
        x += q0, y += q1, z += q2;
        here_slope[0][i] += q0 * inverse, here_slope[1][i] += q1 * inverse, here_slope[2][i] += q2 * inverse;
    }
    const double added[] = {-x * inverse, -y * inverse, -z * inverse, by_inverse};
    for (int n = 0; n < 4; n++) out->sources[SOURCE * j + n] += added[n];
}

/* A_t = exp(-z mu/rho) (1 - exp(-D mu/rho)) */
static void captured_slopes(const Arguments *a, int64_t t, const Points *here, const lanes captured_slope,
                            lanes *here_slope, Slopes *out) {
    const double *n = a->frame + 9, z_mu = a->layers[2 * t + 1], D_mu = a->factors[D_MU];
    if (!a->absorbs) return;
    LANE_LOOP {
        const double x = here->direction[0][i], y = here->direction[1][i], z = here->direction[2][i];
        const double rho = x * n[0] + y * n[1] + z * n[2];
        if (rho <= 0.0) continue;
        const double entering = exp(-z_mu / rho), leaving = exp(-(z_mu + D_mu) / rho), upstream = captured_slope[i];
        out->layers[2 * t + 1] -= upstream * (entering - leaving) / rho;
        out->factors[D_MU] += upstream * leaving / rho;
        const double by_rho = upstream * (z_mu * entering - (z_mu + D_mu) * leaving) / (rho * rho);
        here_slope[0][i] += by_rho * n[0], here_slope[1][i] += by_rho * n[1], here_slope[2][i] += by_rho * n[2];
        out->frame[9] += by_rho * x, out->frame[10] += by_rho * y, out->frame[11] += by_rho * z;
    }
}

/* d = X/|X|, X = corner + f fast + s slow + z normal */
static void point_slopes(const Arguments *a, int64_t s, int64_t t, const Tile *tile, const Points *here,
                         lanes *direction_slope, const lanes distance_slope, Slopes *out) {
    const double *n = a->frame + 9, depth = a->layers[2 * t];
    const double f0 = a->subpixels[2 * s], w0 = a->subpixels[2 * s + 1];
    double c0 = 0, c1 = 0, c2 = 0, a0 = 0, a1 = 0, a2 = 0, b0 = 0, b1 = 0, b2 = 0;
    LANE_LOOP {
        const double x = here->direction[0][i], y = here->direction[1][i], z = here->direction[2][i];
        const double u = direction_slope[0][i], v = direction_slope[1][i], w = direction_slope[2][i];
        const double inverse = here->inverse_distance[i], radial = u * x + v * y + w * z;
        const double X = (u - x * radial) * inverse + distance_slope[i] * x;
        const double Y = (v - y * radial) * inverse + distance_slope[i] * y;
        const double Z = (w - z * radial) * inverse + distance_slope[i] * z;
        const double along = tile->fast[i] + f0, across = tile->slow[i] + w0;
        c0 += X, c1 += Y, c2 += Z;
        a0 += along * X, a1 += along * Y, a2 += along * Z;
        b0 += across * X, b1 += across * Y, b2 += across * Z;
    }
    const double added[12] = {c0, c1, c2, a0, a1, a2, b0, b1, b2, depth * c0, depth * c1, depth * c2};
    for (int k = 0; k < 12; k++) out->frame[k] += added[k];
    out->layers[2 * t] += c0 * n[0] + c1 * n[1] + c2 * n[2];
}

/* Adds to `out` what pixels start to stop give, where `image_slope` is the slope of the loss with their photons. */
void backward(const Arguments *a, int64_t start, int64_t stop, const real *image_slope, Slopes *out) {
    static const lanes none = {0};
    Tile tile;
    for (int64_t n = start; n < stop; n += LANES) {
        const int64_t count = stop - n < LANES ? stop - n : LANES;
        lanes upstream = {0}, share, sum, q_slope[3];
        for (int64_t i = 0; i < count; i++) upstream[i] = image_slope[n + i];
        place(a, n, count, &tile);
        for (int64_t s = 0; s < a->S; s++) {
            lanes first_slope[3] = {{0}}, omega_slope = {0}, distance_slope;
            points(a, &tile, s, 0, &tile.first);
            solid_angles(a, &tile);
            for (int64_t t = a->T - 1; t >= 0; t--) {
                lanes other_slope[3] = {{0}}, captured_slope = {0}, *here_slope = t ? other_slope : first_slope;
                Points *here = t ? &tile.other : &tile.first;
                if (t) points(a, &tile, s, t, here);
                captured(a, t, here, &tile);
                for (int64_t j = 0; j < a->J; j++) {
                    rays(a, j, here, &tile);
                    LANE_LOOP share[i] = a->factors[SCALE] * upstream[i] * tile.weight[i] * tile.visible[i];
                    lattice_slopes(a, tile.q, share, sum, q_slope, out);
                    weight_slopes(a, j, &tile, upstream, sum, first_slope, omega_slope, captured_slope, out);
                    q_slopes(a, j, q_slope, here, here_slope, out);
                }
                captured_slopes(a, t, here, captured_slope, here_slope, out);
                if (t) point_slopes(a, s, t, &tile, here, here_slope, none, out);
            }
            double by_area = 0;
            const double power = a->point_pixel ? 2.0 : 3.0;
            LANE_LOOP {
                by_area += omega_slope[i] * tile.omega_of_area[i];
                distance_slope[i] = -power * omega_slope[i] * tile.omega[i] * tile.first.inverse_distance[i];
            }
            out->factors[AREA] += by_area;
            point_slopes(a, s, 0, &tile, &tile.first, first_slope, distance_slope, out);
        }
    }
}

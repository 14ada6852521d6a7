/* The yardstick: one step (a pixel and an orientation) in plain double precision with the sines of the C library, on
 * one core, as a program without any care for speed does it.  Usage: yardstick EDGE ORIENTATIONS -> steps seconds sum */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double interference(double N, double h) {
    const double below = sin(M_PI * h);
    return below == 0.0 ? N : sin(N * M_PI * h) / below;
}

int main(int argc, char **argv) {
    const int edge = argc > 1 ? atoi(argv[1]) : 512, orientations = argc > 2 ? atoi(argv[2]) : 40;
    const double wavelength = 1.0, distance = 0.15, pixel = 0.1 / edge, N = 10.0;
    struct timespec start, end;
    double sum = 0.0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int slow = 0; slow < edge; slow++)
        for (int fast = 0; fast < edge; fast++) {
            const double y = (fast - 0.5 * edge) * pixel, z = (slow - 0.5 * edge) * pixel;
            const double R = sqrt(distance * distance + y * y + z * z), solid_angle = pixel * pixel * distance / (R * R * R);
            const double q[3] = {(distance / R - 1.0) / wavelength, y / R / wavelength, z / R / wavelength};
            for (int o = 0; o < orientations; o++) {
                const double turn = 1e-3 * o;
                const double h = 70.0 * q[0] + 70.0 * turn * q[1], k = 80.0 * q[1] - 80.0 * turn * q[0];
                const double l = 90.0 * q[2] + 9.0 * turn * q[0];
                const double F = interference(N, h) * interference(N, k) * interference(N, l);
                sum += solid_angle * F * F;
            }
        }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.0f %.6f %.9g\n", (double)edge * edge * orientations,
           end.tv_sec - start.tv_sec + 1e-9 * (end.tv_nsec - start.tv_nsec), sum);
    return 0;
}

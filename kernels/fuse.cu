// The fusion MLP: image and event features of different resolution, in one kernel per level.
//
// Two identities leave the result as it is and save most of the work. The first layer is linear,
// so it was applied to both maps before the gathers; the last is linear and the corner weights
// sum to one, so it is applied once, after the blend. What remains for every pixel: at each of
// four corners a gather, a sum, two layers; then the blend and the last layer. A warp takes 16
// pixels, or two rows of 16 that share weights, through all of it in registers; only weights and
// gathers touch memory.
#pragma once
#include "common.cuh"

// Where one corner of an axis is read, for one image pixel; made by the host in double precision.
struct alignas(16) Corner {
    unsigned event, image;  // first number of that row or column in the maps, below 2^31
    float relative;         // from the event sample's centre to the pixel's, in half event cells
    float opposite;         // size of the other corner's: every one weighs as much as the rectangle
                            // opposite to it
};

INLINE Corner corner_at(const Corner* from) {
    const uint4 v = __ldg(reinterpret_cast<const uint4*>(from));
    return {v.x, v.y, __uint_as_float(v.z), __uint_as_float(v.w)};
}

// Of two corners' opposite sizes; never zero, as the sum of four is divided by.
INLINE float area(float row, float column) { return fmaf(row, column, 1e-9f); }

struct FuseArgs {
    const half* event;     // (event height, event width, C), first layer applied, with its bias
    const half* image;     // (height, width, C), first layer applied
    const uint4* weights;  // three layers' fragments: [16 inputs][16 outputs], inputs permuted
    const float* bias;     // three times C
    const half* position;  // the first layer's weights of relative row and column: twice C
    const Corner* rows;    // corner -1 of every row, then corner +1
    const Corner* columns;
    half* output;  // (height, width, C)
    int height, width;
};

template <int C, int M>
INLINE void fuse(const FuseArgs& a) {
    using L = Lanes<C>;
    constexpr int LAYER = C / 16 * (C / 16) * WARP, STEPS = L::TILES / 2;
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const int y0 = (blockIdx.y * 4 + warp) * M;
    if (y0 >= a.height) return;
    const Corner *rows[M], *columns[2];
#pragma unroll
    for (int m = 0; m < M; m++) rows[m] = a.rows + min(y0 + m, a.height - 1);
#pragma unroll
    for (int p = 0; p < 2; p++)
        columns[p] = a.columns + min(static_cast<int>(blockIdx.x * 16 + g + 8 * p), a.width - 1);
    float scale[M][2];
#pragma unroll
    for (int m = 0; m < M; m++) {
        const float above = rows[m]->opposite, below = rows[m][a.height].opposite;
#pragma unroll
        for (int p = 0; p < 2; p++) {
            const float left = columns[p]->opposite, right = columns[p][a.width].opposite;
            const float sum = area(above, left) + area(above, right) + area(below, left) +
                              area(below, right);
            scale[m][p] = __fdividef(1.0f, sum);
        }
    }
    // The first layer's weights of the position, for the lane's channels of a group. Few of them stay
    // in registers.
    constexpr bool KEPT = L::GROUPS == 1;
    unsigned position[2][L::OWN / 2];
    const auto load_position = [&](int c) {
#pragma unroll
        for (int axis = 0; axis < 2; axis++) load_group<C>(position[axis], a.position + axis * C + c);
    };
    if constexpr (KEPT) load_position(L::OWN * t);
    unsigned blend[M][C / 16][4] = {};
#pragma unroll 1
    for (int corner = 0; corner < 4; corner++) {
        Corner at[2];
#pragma unroll
        for (int p = 0; p < 2; p++) at[p] = corner_at(columns[p] + corner % 2 * a.width);
        // Zero, which the compiler does not know: it would load all weights, and the bias, before the
        // loop, into so many registers that few warps fit. With 16 channels they do fit, and with 128 it
        // does not try.
        const int zero = C == 32 || C == 64 ? static_cast<int>(at[0].event) >> 31 & 4 : 0;
        half2 weight[M][2];
        unsigned in[M][C / 16][4];
#pragma unroll
        for (int m = 0; m < M; m++) {
            const Corner row = corner_at(rows[m] + corner / 2 * a.height);
            const half2 down = __floats2half2_rn(row.relative, row.relative);
#pragma unroll
            for (int p = 0; p < 2; p++) {
                const float part = area(row.opposite, at[p].opposite) * scale[m][p];
                weight[m][p] = __floats2half2_rn(part, part);
            }
#pragma unroll
            for (int j = 0; j < L::GROUPS; j++) {
                const int c = j * L::GROUP + L::OWN * t;
                if constexpr (!KEPT) load_position(c + zero);
#pragma unroll
                for (int p = 0; p < 2; p++) {
                    unsigned e[L::OWN / 2], v[L::OWN / 2];
                    load_group<C>(e, a.event + (row.event + at[p].event + c));
                    load_group<C>(v, a.image + (row.image + at[p].image + c));
                    const half2 across = __floats2half2_rn(at[p].relative, at[p].relative);
#pragma unroll
                    for (int i = 0; i < L::OWN / 2; i++) {
                        const half2 place = __hfma2(as_half2(position[1][i]), across,
                                                    __hmul2(as_half2(position[0][i]), down));
                        const half2 sum = __hadd2(as_half2(v[i]), place);
                        // Channels 2i and 2i+1 of the lane's: register 2 * (i % 2) + pixel of a step.
                        in[m][j * STEPS + i / 2][i % 2 * 2 + p] = add_relu(as_half2(e[i]), sum);
                    }
                }
            }
        }
        const uint4* weights = a.weights + lane + zero;
        unsigned hidden[M][C / 16][4];
        layer<C, M>(in, weights, a.bias + (C == 64 ? zero : 0),
                    [&](int m, int n, const float(&d)[2][4]) {
#pragma unroll
                        for (int i = 0; i < 4; i++) hidden[m][n][i] = as_input<true>(d, i);
                    });
        layer<C, M>(hidden, weights + LAYER, a.bias + C, [&](int m, int n, const float(&d)[2][4]) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                blend[m][n][i] = as_word(__hfma2(weight[m][i % 2], as_half2(as_input<true>(d, i)),
                                                 as_half2(blend[m][n][i])));
        });
    }
    // Weights that were rounded may add up to more than one.
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < C / 16; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) blend[m][n][i] = as_word(limited(as_half2(blend[m][n][i])));
    unsigned out[M][C / 16][4];
    layer<C, M>(blend, a.weights + lane + 2 * LAYER, a.bias + 2 * C,
                [&](int m, int n, const float(&d)[2][4]) {
#pragma unroll
                    for (int i = 0; i < 4; i++) out[m][n][i] = as_input<false>(d, i);
                });
    store_rows<C, C, M>(a.output, a.height, a.width, y0, blockIdx.x * 16, 0,
                        [&](int m, int n, int p) { return out[m][n / 2][n % 2 * 2 + p]; });
}

// Rows of a warp; more than one only where registers suffice.
constexpr int fuse_rows(int channels) { return channels < 64 ? 2 : 1; }

// Four warps, one or two rows of 16 pixels each.
KERNEL(fuse_16, 128)(FuseArgs a) { fuse<16, fuse_rows(16)>(a); }
KERNEL(fuse_32, 128)(FuseArgs a) { fuse<32, fuse_rows(32)>(a); }
KERNEL(fuse_64, 128)(FuseArgs a) { fuse<64, fuse_rows(64)>(a); }
KERNEL(fuse_128, 128)(FuseArgs a) { fuse<128, fuse_rows(128)>(a); }

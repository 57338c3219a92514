// The fusion MLP: image and event features of different resolution, in one kernel per level.
//
// Two identities leave the result as it is and save most of the work. The first layer is linear,
// so it was applied to both maps before the gathers; the last is linear and the corner weights
// sum to one, so it is applied once, after the blend. What remains for every pixel: at each of
// four corners a gather, a sum, two layers; then the blend and the last layer. A warp takes 16
// pixels through all of it in registers; only weights and gathers touch memory.
#pragma once
#include "common.cuh"

// Where one corner of an axis is read, for one image pixel; made by the host in double precision.
struct Corner {
    int event, image;
    float relative;  // from the event sample's centre to the pixel's, in half event cells
};

struct FuseArgs {
    const half* event;     // (event height, event width, C), first layer applied, with its bias
    const half* image;     // (height, width, C), first layer applied
    const uint4* weights;  // three layers' fragments: [16 inputs][16 outputs], inputs permuted
    const float* bias;     // three times C
    const float* position;  // the first layer's weights of relative row and column: twice C
    const Corner* rows;     // corner -1 of every row, then corner +1
    const Corner* columns;
    half* output;  // (height, width, C)
    int height, width, event_width;
};

// One layer on a warp's 16 pixels: inputs as A fragments, one for every 16 channels. `take(n, d)`
// gets outputs 16n to 16n + 15 as soon as they are summed up, so that no more than their sums
// are in registers at a time.
template <int C, class Take>
INLINE void layer(const unsigned (&a)[C / 16][4], const uint4* weights, const float* bias,
                  Take take) {
#pragma unroll
    for (int n = 0; n < C / 16; n++) {
        float d[2][4];
#pragma unroll
        for (int k = 0; k < 2; k++) {
            start_at_bias_of<C>(d[k], bias, 2 * n + k);
        }
#pragma unroll
        for (int s = 0; s < C / 16; s++) {
            const uint4 w = __ldg(weights + (s * (C / 16) + n) * WARP);
            multiply_add(d[0], a[s], w.x, w.y);
            multiply_add(d[1], a[s], w.z, w.w);
        }
        take(n, d);
    }
}

// Sixteen outputs of a layer as the next one's inputs; the permutation makes it the same lane's.
template <bool RELU>
INLINE void as_inputs(unsigned (&a)[4], const float* first, const float* second) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float* from = (i < 2 ? first : second) + i % 2 * 2;
        a[i] = RELU ? pack_relu(from[0], from[1]) : pack(from[0], from[1]);
    }
}

template <int C>
INLINE void fuse(const FuseArgs& a) {
    using L = Lanes<C>;
    constexpr int LAYER = C / 16 * (C / 16) * WARP, STEPS = L::TILES / 2;
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const int y = blockIdx.y * 4 + warp;
    if (y >= a.height) return;
    int column[2];
#pragma unroll
    for (int p = 0; p < 2; p++) column[p] = blockIdx.x * 16 + g + 8 * p;
    // Only the distances stay in registers; where to read is looked up at every corner.
    const auto row_at = [&](int side) { return a.rows + side * a.height + y; };
    const auto column_at = [&](int side, int p) {
        return a.columns + side * a.width + min(column[p], a.width - 1);
    };
    float dy[2], dx[2][2];  // [side], [side][pixel]
#pragma unroll
    for (int side = 0; side < 2; side++) {
        dy[side] = row_at(side)->relative;
#pragma unroll
        for (int p = 0; p < 2; p++) dx[side][p] = column_at(side, p)->relative;
    }
    // The first layer's weights of the position, for the lane's channels of a group.
    const auto position_of = [&](float (&to)[2][L::OWN], const float* from) {
#pragma unroll
        for (int axis = 0; axis < 2; axis++)
#pragma unroll
            for (int i = 0; i < L::OWN; i += 4) {
                const float4 w = __ldg(reinterpret_cast<const float4*>(from + axis * C + i));
                to[axis][i] = w.x, to[axis][i + 1] = w.y, to[axis][i + 2] = w.z, to[axis][i + 3] = w.w;
            }
    };
    // Few of them stay in registers.
    constexpr bool KEPT = L::GROUPS == 1;
    float position[2][L::OWN];
    if constexpr (KEPT) position_of(position, a.position + L::OWN * t);
    float blend[C / 8][4] = {};
#pragma unroll 1
    for (int corner = 0; corner < 4; corner++) {
        const bool low = corner / 2 == 0, left = corner % 2 == 0;
        const Corner row = *row_at(corner / 2);
        // Zero, which the compiler does not know: it would load all weights before the loop, into so
        // many registers that few warps fit. It does not where the loop contains an exact division.
        const int zero = C == 32 ? row.event >> 31 & 4 : 0;
        const half *event[2], *image[2];
        float weight[2], relative[2];
#pragma unroll
        for (int p = 0; p < 2; p++) {
            const Corner at = *column_at(corner % 2, p);
            // Every corner weighs as much as the rectangle opposite to it.
            const float area[2][2] = {
                {fabsf(dy[0] * dx[0][p]) + 1e-9f, fabsf(dy[0] * dx[1][p]) + 1e-9f},
                {fabsf(dy[1] * dx[0][p]) + 1e-9f, fabsf(dy[1] * dx[1][p]) + 1e-9f}};
            const float total = area[0][0] + area[0][1] + area[1][0] + area[1][1];
            const float opposite = low ? (left ? area[1][1] : area[1][0])
                                       : (left ? area[0][1] : area[0][0]);
            weight[p] = C < 64 ? __fdividef(opposite, total) : opposite / total;
            relative[p] = at.relative;
            event[p] = a.event + (static_cast<size_t>(row.event) * a.event_width + at.event) * C;
            image[p] = a.image + (static_cast<size_t>(row.image) * a.width + at.image) * C;
        }
        unsigned in[C / 16][4];
#pragma unroll
        for (int j = 0; j < L::GROUPS; j++) {
            const int c = j * L::GROUP + L::OWN * t;
            if constexpr (!KEPT) position_of(position, a.position + c + zero);
#pragma unroll
            for (int p = 0; p < 2; p++) {
                unsigned e[L::OWN / 2], m[L::OWN / 2];
                load_group<C>(e, event[p] + c);
                load_group<C>(m, image[p] + c);
#pragma unroll
                for (int i = 0; i < L::OWN / 2; i++) {
                    const float2 ve = __half22float2(as_half2(e[i]));
                    const float2 vm = __half22float2(as_half2(m[i]));
                    const float z0 = ve.x + vm.x + position[0][2 * i] * row.relative +
                                     position[1][2 * i] * relative[p];
                    const float z1 = ve.y + vm.y + position[0][2 * i + 1] * row.relative +
                                     position[1][2 * i + 1] * relative[p];
                    // Channels 2i and 2i+1 of the lane's: register 2 * (i % 2) + pixel of a step.
                    in[j * STEPS + i / 2][i % 2 * 2 + p] = pack_relu(z0, z1);
                }
            }
        }
        const uint4* weights = a.weights + lane + zero;
        unsigned hidden[C / 16][4];
        layer<C>(in, weights, a.bias, [&](int n, const float(&d)[2][4]) {
            as_inputs<true>(hidden[n], d[0], d[1]);
        });
        layer<C>(hidden, weights + LAYER, a.bias + C, [&](int n, const float(&d)[2][4]) {
#pragma unroll
            for (int k = 0; k < 2; k++)
#pragma unroll
                for (int i = 0; i < 4; i++)
                    blend[2 * n + k][i] += weight[i / 2] * fmaxf(d[k][i], 0.0f);
        });
    }
    unsigned mixed[C / 16][4], in[C / 16][4];
#pragma unroll
    for (int n = 0; n < C / 16; n++) as_inputs<false>(mixed[n], blend[2 * n], blend[2 * n + 1]);
    layer<C>(mixed, a.weights + lane + 2 * LAYER, a.bias + 2 * C, [&](int n, const float(&d)[2][4]) {
        as_inputs<false>(in[n], d[0], d[1]);
    });
#pragma unroll
    for (int p = 0; p < 2; p++) {
        if (column[p] >= a.width) continue;
        half* to = a.output + (static_cast<size_t>(y) * a.width + column[p]) * C + L::OWN * t;
#pragma unroll
        for (int j = 0; j < L::GROUPS; j++) {
            unsigned words[L::OWN / 2];
#pragma unroll
            for (int i = 0; i < L::OWN / 2; i++)
                words[i] = in[j * STEPS + i / 2][i % 2 * 2 + p];
            store_group<C>(to + j * 32, words);
        }
    }
}

// Four warps, one row of 16 pixels each.
KERNEL(fuse_16, 128)(FuseArgs a) { fuse<16>(a); }
KERNEL(fuse_32, 128)(FuseArgs a) { fuse<32>(a); }
KERNEL(fuse_64, 128)(FuseArgs a) { fuse<64>(a); }
KERNEL(fuse_128, 128)(FuseArgs a) { fuse<128>(a); }

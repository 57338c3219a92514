// Where images come in and go out: the image encoder's first convolution and the decoder's last.
#pragma once
#include "conv.cuh"

constexpr int END_ROWS = 16;  // four warps, four rows each

// A number of eight bits as v / 255, rounded like a division. (The quotient is corrected by its
// remainder; test.cpp compares all of them.)
INLINE float fraction(unsigned char v) {
    constexpr float RECIPROCAL = 1.0f / 255.0f;
    const float number = v, quotient = number * RECIPROCAL;
    return fmaf(fmaf(-255.0f, quotient, number), RECIPROCAL, quotient);
}

// Number `i` of an image in [0, 1]: in eight bits, of which 255 is 1, or in single precision.
INLINE float image_at(const void* image, int eight_bit, unsigned i) {
    return eight_bit ? fraction(__ldg(static_cast<const unsigned char*>(image) + i))
                     : __ldg(static_cast<const float*>(image) + i);
}

struct StemArgs {
    const void* image;     // (3, height, width), see image_at
    const uint4* weights;  // fragments: [16 inputs: 4 columns x 4 channels][kernel row]
    const float* bias;
    half* output;  // (height, width, 16)
    int height, width;
    int eight_bit;
    unsigned unused;
};

// 7x7, 3 to 16 channels, ReLU. A pixel is held as four half numbers (the fourth is zero), so the
// seven pixels under a kernel row, and an eighth of weight zero, are 32 inputs in sequence.
KERNEL(stem, 128)(StemArgs a) {
    constexpr int K = 7, R = 3, W = 16 + 8, H = window(END_ROWS, K), MT = 4;
    SHARED(uint2, tile, H * W);
    const int y0 = blockIdx.y * END_ROWS, x0 = blockIdx.x * 16;
    const unsigned plane = static_cast<unsigned>(a.height) * a.width;
    for (int i = threadIdx.x; i < H * W; i += 128) {
        const int y = y0 - R + i / W, x = x0 - R + i % W;
        uint2 value = make_uint2(0, 0);
        if (y >= 0 && y < a.height && x >= 0 && x < a.width) {
            const unsigned at = static_cast<unsigned>(y) * a.width + x;
            const auto normalised = [&](int c) {
                return (image_at(a.image, a.eight_bit, at + c * plane) - 0.5f) / 0.5f;
            };
            value = make_uint2(pack(normalised(0), normalised(1)), pack(normalised(2), 0.0f));
        }
        tile[i] = value;
    }
    __syncthreads();
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const unsigned* words = reinterpret_cast<const unsigned*>(tile);
    float d[MT][2][4];
#pragma unroll
    for (int m = 0; m < MT; m++) start_at_bias<16>(d[m], a.bias);
#pragma unroll
    for (int s = 0; s < 2; s++) {
        uint4 w[K];
#pragma unroll
        for (int ky = 0; ky < K; ky++) w[ky] = __ldg(a.weights + (s * K + ky) * WARP + lane);
#pragma unroll
        for (int r = 0; r < MT + K - 1; r++) {
            // Two words to a pixel: inputs 2t, 2t+1 are word t of the step's four pixels.
            const unsigned* p = words + ((warp * MT + r) * W + g + 4 * s) * 2 + t;
            const unsigned f[4] = {p[0], p[16], p[4], p[20]};
#pragma unroll
            for (int ky = 0; ky < K; ky++)
                if (r - ky >= 0 && r - ky < MT) {
                    multiply_add(d[r - ky][0], f, w[ky].x, w[ky].y);
                    multiply_add(d[r - ky][1], f, w[ky].z, w[ky].w);
                }
        }
    }
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int half_of = 0; half_of < 2; half_of++) {
            const int y = y0 + warp * MT + m, x = x0 + g + 8 * half_of;
            if (y >= a.height || x >= a.width) continue;
            unsigned out[2];
#pragma unroll
            for (int i = 0; i < 2; i++)
                out[i] = pack_relu(d[m][i][2 * half_of], d[m][i][2 * half_of + 1]);
            store_group<16>(a.output + ((static_cast<unsigned>(y) * a.width + x) * 16 + 4 * t), out);
        }
}

struct HeadArgs {
    const half* input;     // (height, width, 16)
    const uint4* weights;  // 16 outputs, of which 3 are real
    const float* bias;     // 3
    const void* image;     // the blurry image, as in StemArgs
    float* latent;         // each (3, height, width), or null where it is not wanted
    float* ratio;
    unsigned char* pixels;  // the latent image in eight bits: clamped, times 255, truncated
    int height, width;
    float rounding;  // added before the truncation
    int eight_bit;
    float noise;  // the network's own error, see finish_cell
    unsigned unused;
};

// PyTorch's softplus turns linear above 20. FAST: off by 2^-21 at most (CUDA C++ Programming Guide,
// errors of __expf and __logf), far less than half precision has made of `v`.
template <bool FAST>
INLINE float softplus(float v) {
    if (v > 20.0f) return v;
    return FAST ? __logf(1.0f + __expf(v)) : log1pf(expf(v));
}

// A pixel that differs by more than three standard deviations is a change, even if its cell is not.
constexpr float TRUST = 1.0f / 9.0f;

// The end of a cell of 16x16 pixels, of which every thread has all colours of some: of pixel
// threadIdx.x and every THREADS further. `sum_of(channel, pixel)` is what the last convolution gives.
// Where the image changes by no more than the network's own error, the blurry one is kept
// (src/network/shrink.rs). `powers` has room for a number per thread, and is not in use.
template <bool FAST, int THREADS, class Sum>
INLINE void finish_cell(const HeadArgs& a, int y0, int x0, float* powers, Sum sum_of) {
    constexpr int SIDE = 16, PIXELS = SIDE * SIDE / THREADS;
    const unsigned plane = static_cast<unsigned>(a.height) * a.width;
    float image[PIXELS][3], latent[PIXELS][3], ratio[PIXELS][3], power[PIXELS], total = 0.0f;
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
        const int i = threadIdx.x + p * THREADS, y = y0 + i / SIDE, x = x0 + i % SIDE;
        power[p] = 0.0f;
        if (y >= a.height || x >= a.width) continue;
#pragma unroll
        for (int c = 0; c < 3; c++) {
            ratio[p][c] = softplus<FAST>(sum_of(c, i));
            image[p][c] = image_at(a.image, a.eight_bit, c * plane + y * a.width + x);
            latent[p][c] = ((image[p][c] - 0.5f) / 0.5f + 1.0f) / 2.0f * ratio[p][c];
            const float change = latent[p][c] - image[p][c];
            power[p] += change * change / 3.0f;
        }
        total += power[p];
    }
    if (a.noise > 0.0f) {
        powers[threadIdx.x] = total;
        __syncthreads();
        float cell = 0.0f;
        for (int i = 0; i < THREADS; i++) cell += powers[i];
        cell /= SIDE * SIDE;
#pragma unroll
        for (int p = 0; p < PIXELS; p++) {
            const float seen = fmaxf(fmaxf(cell, power[p] * TRUST), 1e-30f);
            const float gain = fmaxf(1.0f - a.noise * a.noise / seen, 0.0f);
#pragma unroll
            for (int c = 0; c < 3; c++) {
                latent[p][c] = fmaf(gain, latent[p][c] - image[p][c], image[p][c]);
                ratio[p][c] = fmaf(gain, ratio[p][c] - 1.0f, 1.0f);
            }
        }
    }
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
        const int i = threadIdx.x + p * THREADS, y = y0 + i / SIDE, x = x0 + i % SIDE;
        if (y >= a.height || x >= a.width) continue;
#pragma unroll
        for (int c = 0; c < 3; c++) {
            const unsigned at = c * plane + y * a.width + x;
            if (a.latent) a.latent[at] = latent[p][c];
            if (a.ratio) a.ratio[at] = ratio[p][c];
            // As the host converts: product and sum are rounded one after the other.
            if (a.pixels)
                a.pixels[at] = static_cast<unsigned char>(__fadd_rn(
                    __fmul_rn(fminf(fmaxf(latent[p][c], 0.0f), 1.0f), 255.0f), a.rounding));
        }
    }
}

// 3x3, 16 to 3 channels, softplus, times the blurry image.
KERNEL(head, 128)(HeadArgs a) {
    constexpr int K = 3, MT = 4;
    SHARED(half, tile, window_size(K, END_ROWS, 16));
    const int y0 = blockIdx.y * END_ROWS, x0 = blockIdx.x * 16;
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    ConvArgs conv = {};
    conv.input = a.input;
    conv.height = a.height, conv.width = a.width;
    conv.source_height = a.height, conv.source_width = a.width;
    load_window<K, 16, 16, END_ROWS, PLAIN, 128>(tile, conv, 0, y0, x0);
    __syncthreads();
    float d[MT][2][4] = {};
    multiply_window<K, 16, MT, 2, 1, SINGLE_SUMS>(d, tile, warp * MT, a.weights + lane);
    __syncthreads();
    // In the published order, outputs 0..2 are the first three columns of the first fragment: few
    // lanes hold all sums. All threads take their part of them, along the rows.
    float* sums = reinterpret_cast<float*>(tile);  // [channel][row][column]
    constexpr int AREA = END_ROWS * 16;
    if (t < 2)
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int channel = 2 * t + i % 2;
                if (channel < 3)
                    sums[channel * AREA + (warp * MT + m) * 16 + g + i / 2 * 8] = d[m][0][i];
            }
    __syncthreads();
    finish_cell<true, 128>(a, y0, x0, sums + 3 * AREA, [&](int channel, int pixel) {
        return sums[channel * AREA + pixel] + __ldg(a.bias + channel);
    });
}

// The same end for the single-precision path, from (height, width, 3) sums. One thread per pixel.
struct FinishArgs {
    HeadArgs head;
    const float* sums;
};

KERNEL(finish_single, 256)(FinishArgs a) {
    SHARED(float, powers, 256);
    const int y0 = blockIdx.y * 16, x0 = blockIdx.x * 16;
    finish_cell<false, 256>(a.head, y0, x0, powers, [&](int channel, int pixel) {
        const int y = y0 + pixel / 16, x = x0 + pixel % 16;
        return a.sums[(static_cast<size_t>(y) * a.head.width + x) * 3 + channel];
    });
}

// What every kernel shares: number formats, tensor-core products, fragments.
//
// Feature maps are channels-last without a border: element (y, x, c) at (y * width + x) * C + c.
//
// A tensor-core product works on fragments: 16 pixels by 16 inputs (A), 16 inputs by 8 outputs
// (B), 16 pixels by 8 outputs (D), spread over the 32 lanes of a warp. With g = lane / 4 and
// t = lane % 4 a lane holds, two half numbers to a register,
//   A: inputs 2t,2t+1 of pixels g (a0) and g+8 (a1), inputs 2t+8,2t+9 of g (a2) and g+8 (a3)
//   B: inputs 2t,2t+1 (b0) and 2t+8,2t+9 (b1) of output g
//   D: outputs 2t,2t+1 of pixels g (d0, d1) and g+8 (d2, d3)
// Weights are packed on the host in this order, so that a lane reads its share of B for 16
// inputs and 16 outputs as one vector of 16 bytes, straight from the cache to registers.
//
// The order of outputs within D is ours to choose: it is permuted so that a lane ends up with
// 4 neighbouring channels (of 16) or 8 (of every 32) and stores them as one vector; the same
// permutation of inputs lets one layer's D be the next layer's A without leaving registers.
#pragma once

#ifdef CUDA_CPU
#include "cpu/emulate.h"
#else
#include <cuda_fp16.h>
// A kernel's entry: `KERNEL(name, threads per block)(arguments) { ... }`.
#define KERNEL(name, threads) extern "C" __global__ void __launch_bounds__(threads) name
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#endif

#define INLINE __device__ __forceinline__

constexpr int WARP = 32;

// ---- half numbers in 4- and 16-byte words ----

INLINE unsigned as_word(half2 v) { return *reinterpret_cast<unsigned*>(&v); }
INLINE half2 as_half2(unsigned v) { return *reinterpret_cast<half2*>(&v); }

// Largest finite half. Larger sums are held there, so that no infinity can turn into NaN.
constexpr float HALF_MAX = 65504.0f;

INLINE float limit(float v) { return fminf(fmaxf(v, -HALF_MAX), HALF_MAX); }

// Two numbers as half. Ampere and newer hold both within the range in two instructions.
INLINE half2 limited(half2 v) {
#if __CUDA_ARCH__ >= 800 || defined CUDA_CPU
    return __hmin2(__hmax2(v, as_half2(0xfbfffbff)), as_half2(0x7bff7bff));
#else
    const float2 f = __half22float2(v);
    return __floats2half2_rn(limit(f.x), limit(f.y));
#endif
}

// The positive part of two sums, held within the range.
INLINE unsigned add_relu(half2 a, half2 b) {
#if __CUDA_ARCH__ >= 800 || defined CUDA_CPU
    const half2 one = as_half2(0x3c003c00);
    return as_word(__hmin2(__hfma2_relu(a, one, b), as_half2(0x7bff7bff)));
#else
    const float2 x = __half22float2(a), y = __half22float2(b);
    return as_word(__floats2half2_rn(fminf(fmaxf(x.x + y.x, 0.0f), HALF_MAX),
                                     fminf(fmaxf(x.y + y.y, 0.0f), HALF_MAX)));
#endif
}

#if defined PTX_81 && __CUDA_ARCH__ >= 800
// Two numbers as half, held within the range, in one instruction (PTX 8.1). What is not a number
// stays so.
INLINE unsigned saturate(float a, float b) {
    unsigned v;
    asm("cvt.rn.satfinite.f16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(b), "f"(a));
    return v;
}
// The same of what is positive; the rest becomes zero.
INLINE unsigned saturate_relu(float a, float b) {
    unsigned v;
    asm("cvt.rn.relu.satfinite.f16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(b), "f"(a));
    return v;
}
#endif

// What is known of numbers that are packed, where the network's inputs are finite: sums in half
// precision may have overflowed in both directions and be NaN.
enum Numbers { FINITE, PERHAPS_NAN };

// Two numbers as half, held within the range. With PERHAPS_NAN the result is never NaN.
template <Numbers NUMBERS = FINITE>
INLINE unsigned pack(float a, float b) {
#if defined PTX_81 && (__CUDA_ARCH__ >= 800 || defined CUDA_CPU)
    const unsigned v = saturate(a, b);
    return NUMBERS == FINITE ? v : as_word(__hmax2(as_half2(v), as_half2(0xfbfffbff)));
#elif __CUDA_ARCH__ >= 800
    return as_word(limited(__floats2half2_rn(a, b)));
#else
    return as_word(__floats2half2_rn(limit(a), limit(b)));
#endif
}

// The same of what is positive; the rest becomes zero.
template <Numbers NUMBERS = FINITE>
INLINE unsigned pack_relu(float a, float b) {
#if defined PTX_81 && (__CUDA_ARCH__ >= 800 || defined CUDA_CPU)
    return NUMBERS == FINITE ? saturate_relu(a, b)
                               : as_word(__hmax2(as_half2(saturate(a, b)), as_half2(0)));
#elif __CUDA_ARCH__ >= 800
    const half2 v = __hmax2(__floats2half2_rn(a, b), as_half2(0));
    return as_word(__hmin2(v, as_half2(0x7bff7bff)));
#else
    return pack(fmaxf(a, 0.0f), fmaxf(b, 0.0f));
#endif
}

// Eight half numbers as single precision.
INLINE void unpack8(uint4 v, float (&to)[8]) {
    const unsigned words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float2 f = __half22float2(as_half2(words[i]));
        to[2 * i] = f.x;
        to[2 * i + 1] = f.y;
    }
}

INLINE uint4 pack8(const float (&v)[8]) {
    return make_uint4(pack(v[0], v[1]), pack(v[2], v[3]), pack(v[4], v[5]), pack(v[6], v[7]));
}

// 1 / (1 + exp(-v)) by the fast functions, without their care for subnormal numbers.
#ifndef CUDA_CPU
INLINE float sigmoid(float v) {
    float power, out;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(v * -1.4426950408889634f));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(1.0f + power));
    return out;
}
#endif

// ---- tensor cores ----

#ifndef CUDA_CPU
// d += a * b for 16 pixels, 16 inputs, 8 outputs. Turing has half the depth in one instruction.
INLINE void multiply_add(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b0));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

// The same with sums in half precision, which GeForce cards add up twice as fast. Ampere and newer.
INLINE void multiply_add(unsigned (&d)[2], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 "
        "{%0,%1}, {%2,%3,%4,%5}, {%6,%7}, {%0,%1};"
        : "+r"(d[0]), "+r"(d[1])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8x8 matrices of half numbers from shared memory; lane i gives the address of row i % 8
// of matrix i / 8, 16-byte aligned. Matrix m arrives in register a[m].
INLINE void load_matrices(unsigned (&a)[4], const half* row) {
    const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3])
                 : "r"(address));
}
#endif

// The channels, within a group of GROUP = min(32, C), that a lane holds of D: GROUP / 4
// neighbours from GROUP / 4 * t on.
template <int C>
struct Lanes {
    static constexpr int GROUP = C < 32 ? C : 32;
    static constexpr int OWN = GROUP / 4;      // channels of a group that one lane holds
    static constexpr int TILES = GROUP / 8;    // D fragments of a group
    static constexpr int GROUPS = C / GROUP;
};

// Sums that the lane holds of fragment `i` start at the bias of their two channels.
template <int C>
INLINE void start_at_bias_of(float (&d)[4], const float* bias, int i) {
    using L = Lanes<C>;
    const int first = i / L::TILES * L::GROUP + L::OWN * (threadIdx.x % 4) + i % L::TILES * 2;
    const float2 own = __ldg(reinterpret_cast<const float2*>(bias + first));
    d[0] = d[2] = own.x;
    d[1] = d[3] = own.y;
}

// d[tile][0..4] for all C outputs starts at the bias of the lane's channels.
template <int C>
INLINE void start_at_bias(float (&d)[C / 8][4], const float* bias) {
#pragma unroll
    for (int i = 0; i < C / 8; i++) start_at_bias_of<C>(d[i], bias, i);
}

// Stores the lane's OWN channels of one group; `to` points at the first of them.
template <int C>
INLINE void store_group(half* to, const unsigned (&words)[Lanes<C>::OWN / 2]) {
    if constexpr (Lanes<C>::OWN == 8)
        *reinterpret_cast<uint4*>(to) = make_uint4(words[0], words[1], words[2], words[3]);
    else
        *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
}

// Loads the lane's OWN channels of one group.
template <int C>
INLINE void load_group(unsigned (&words)[Lanes<C>::OWN / 2], const half* from) {
    if constexpr (Lanes<C>::OWN == 8) {
        const uint4 v = __ldg(reinterpret_cast<const uint4*>(from));
        words[0] = v.x, words[1] = v.y, words[2] = v.z, words[3] = v.w;
    } else {
        const uint2 v = __ldg(reinterpret_cast<const uint2*>(from));
        words[0] = v.x, words[1] = v.y;
    }
}

// Stores what a warp has made of M rows of 16 pixels: OUTPUTS of a map's C channels, from `first` on.
// `word(m, tile, p)` is the lane's of one D fragment, for pixel g or g + 8.
template <int C, int OUTPUTS, int M, class Word>
INLINE void store_rows(half* map, int height, int width, int y0, int x0, int first, Word word) {
    using L = Lanes<OUTPUTS>;
    const int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int p = 0; p < 2; p++) {
            const int y = y0 + m, x = x0 + g + 8 * p;
            if (y >= height || x >= width) continue;
            half* to = map + (static_cast<size_t>(y) * width + x) * C + first + L::OWN * t;
#pragma unroll
            for (int j = 0; j < L::GROUPS; j++) {
                unsigned words[L::OWN / 2];
#pragma unroll
                for (int i = 0; i < L::TILES; i++) words[i] = word(m, j * L::TILES + i, p);
                store_group<OUTPUTS>(to + j * 32, words);
            }
        }
}

// One layer on 16 pixels of each of M rows: inputs as A fragments, one for every 16 channels.
// `take(m, n, d)` gets outputs 16n to 16n + 15 as soon as they are summed up, so that no more than
// their sums are in registers at a time.
template <int C, int M, class Take>
INLINE void layer(const unsigned (&a)[M][C / 16][4], const uint4* weights, const float* bias,
                  Take take) {
#pragma unroll
    for (int n = 0; n < C / 16; n++) {
        float d[M][2][4];
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int k = 0; k < 2; k++) start_at_bias_of<C>(d[m][k], bias, 2 * n + k);
#pragma unroll
        for (int s = 0; s < C / 16; s++) {
            const uint4 w = __ldg(weights + (s * (C / 16) + n) * WARP);
#pragma unroll
            for (int m = 0; m < M; m++) {
                multiply_add(d[m][0], a[m][s], w.x, w.y);
                multiply_add(d[m][1], a[m][s], w.z, w.w);
            }
        }
#pragma unroll
        for (int m = 0; m < M; m++) take(m, n, d[m]);
    }
}

// Word `i` of 16 outputs of a layer as the next one's inputs; the permutation makes it the same
// lane's.
template <bool RELU>
INLINE unsigned as_input(const float (&d)[2][4], int i) {
    const float* from = d[i / 2] + i % 2 * 2;
    return RELU ? pack_relu(from[0], from[1]) : pack(from[0], from[1]);
}

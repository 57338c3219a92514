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

INLINE unsigned pack(float a, float b) {
#if __CUDA_ARCH__ >= 800
    return as_word(limited(__floats2half2_rn(a, b)));
#else
    return as_word(__floats2half2_rn(limit(a), limit(b)));
#endif
}

// The same of what is positive; anything else, also what is not a number, becomes zero.
INLINE unsigned pack_relu(float a, float b) {
#if __CUDA_ARCH__ >= 800
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

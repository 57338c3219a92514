// CUDA C++ on the processor: the kernels' sources compile as C++17 and run with the real barriers.
//
// Every thread of a block is a fiber. A fiber runs until it has to wait for its block or its warp;
// it also stops before every atomic operation, as threads of a warp run in lock-step on a GPU. The
// order in which fibers continue is forward, backward or random, so that a missing barrier gives
// wrong numbers in one of them. Shared memory is allocated with its exact size and filled
// with NaN before every block: reads of what was not written, and (under AddressSanitizer) accesses
// out of bounds, show.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __forceinline__ inline
#define KERNEL(name, threads) \
    constexpr int name##_threads = threads; \
    extern "C" void name
#define SHARED(type, name, count) \
    static const char name##_key = 0; \
    type* name = static_cast<type*>(cpu::shared(&name##_key, sizeof(type) * (count)))

struct uint3 { unsigned x, y, z; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace cpu {
enum class Order { FORWARD, BACKWARD, RANDOM };

// What a running fiber sees of its place; one per operating-system thread.
struct Place {
    uint3 thread, block, block_size, grid_size;
    struct Scheduler* scheduler;
};
extern __thread Place place;

void block_barrier();
// Lets the other threads of the block run up to their next stop.
void give_way();
// Waits until all 32 lanes of the warp have come with `mine`; the last one runs `op` for all.
void collective(void (*op)(void** lanes), void* mine);
// The block's memory for one SHARED declaration.
void* shared(const void* key, size_t bytes);
// Runs all blocks of a kernel; `body(arguments)` is one thread.
void run(void (*body)(const void*), const void* arguments, uint3 grid, uint3 block, Order order,
         unsigned workers);
}  // namespace cpu

#define threadIdx (cpu::place.thread)
#define blockIdx (cpu::place.block)
#define blockDim (cpu::place.block_size)
#define gridDim (cpu::place.grid_size)
inline void __syncthreads() { cpu::block_barrier(); }
inline void __syncwarp() { cpu::collective([](void**) {}, nullptr); }

using std::max;
using std::min;
template <class T> T __ldg(const T* p) {
    if (reinterpret_cast<uintptr_t>(p) % alignof(T)) __builtin_trap();
    return *p;
}
inline unsigned atomicCAS(unsigned* p, unsigned expected, unsigned wanted) {
    cpu::give_way();
    __atomic_compare_exchange_n(p, &expected, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
// Through memory, so that the compiler cannot merge product and sum.
inline float __fmul_rn(float a, float b) { volatile float v = a * b; return v; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __uint_as_float(unsigned v) {
    float f;
    memcpy(&f, &v, 4);
    return f;
}
inline unsigned __float_as_uint(float v) {
    unsigned bits;
    memcpy(&bits, &v, 4);
    return bits;
}
inline int __float_as_int(float v) { return static_cast<int>(__float_as_uint(v)); }
// Rounded towards minus infinity.
inline float __fadd_rd(float a, float b) {
    const double sum = double(a) + b;
    const float rounded = float(sum);
    // The sum in double precision may have been rounded itself.
    const bool above = rounded > sum || (rounded == sum && sum - b > a);
    return above ? std::nextafter(rounded, -INFINITY) : rounded;
}
inline float __saturatef(float v) { return v > 0.0f ? std::fmin(v, 1.0f) : 0.0f; }
inline float sigmoid(float v) { return 1.0f / (1.0f + std::exp(-v)); }
// The card's fast functions are less accurate than these.
inline float __expf(float v) { return std::exp(v); }
inline float __logf(float v) { return std::log(v); }
inline float __fdividef(float a, float b) { return a / b; }

struct half {
    _Float16 v;
    half() = default;
    explicit half(float f) : v(static_cast<_Float16>(f)) {}
    explicit operator float() const { return v; }
};
struct alignas(4) half2 { half x, y; };
inline half2 __floats2half2_rn(float a, float b) { return {half(a), half(b)}; }
inline float2 __half22float2(half2 h) { return {float(h.x), float(h.y)}; }
inline half2 __low2half2(half2 h) { return {h.x, h.x}; }
inline half2 __high2half2(half2 h) { return {h.y, h.y}; }
inline half2 __hadd2(half2 a, half2 b) {
    return {half(float(a.x) + float(b.x)), half(float(a.y) + float(b.y))};
}
inline half2 __hmul2(half2 a, half2 b) {
    return {half(float(a.x) * float(b.x)), half(float(a.y) * float(b.y))};
}
// As on the card, the result is the number if one of both is none.
inline half2 __hmax2(half2 a, half2 b) {
    return {half(std::fmax(float(a.x), float(b.x))), half(std::fmax(float(a.y), float(b.y)))};
}
inline half2 __hmin2(half2 a, half2 b) {
    return {half(std::fmin(float(a.x), float(b.x))), half(std::fmin(float(a.y), float(b.y)))};
}
inline half2 __hfma2(half2 a, half2 b, half2 c) {
    return {half(float(a.x) * float(b.x) + float(c.x)), half(float(a.y) * float(b.y) + float(c.y))};
}
inline half2 __hfma2_relu(half2 a, half2 b, half2 c) {
    const half2 sum = __hfma2(a, b, c);
    return {half(std::fmax(float(sum.x), 0.0f)), half(std::fmax(float(sum.y), 0.0f))};
}

// Conversion with saturation as the PTX manual describes it: to the largest finite number of the same
// sign; what is not a number stays so, also where negative numbers become zero.
inline half saturated(float v) {
    return half(v != v ? v : std::fmin(std::fmax(v, -65504.0f), 65504.0f));
}
inline unsigned saturate(float a, float b) {
    const half2 both = {saturated(a), saturated(b)};
    unsigned word;
    memcpy(&word, &both, 4);
    return word;
}
inline unsigned saturate_relu(float a, float b) {
    return saturate(a < 0.0f ? 0.0f : a, b < 0.0f ? 0.0f : b);
}

// The tensor-core product, by the register layout that the PTX manual gives for m16n8k16.
inline void multiply_add(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    struct Lane { float* d; const unsigned* a; unsigned b[2]; } mine{d, a, {b0, b1}};
    cpu::collective(
        [](void** lanes) {
            float A[16][16], B[16][8], D[16][8];
            const auto at = [](unsigned word, int i) {
                half h;
                const uint16_t bits = word >> 16 * i;
                memcpy(&h, &bits, 2);
                return float(h);
            };
            for (int l = 0; l < 32; l++) {
                const Lane& lane = *static_cast<Lane*>(lanes[l]);
                const int g = l / 4, t = l % 4;
                for (int i = 0; i < 2; i++) {
                    for (int r = 0; r < 4; r++)
                        A[g + r % 2 * 8][2 * t + i + r / 2 * 8] = at(lane.a[r], i);
                    for (int r = 0; r < 2; r++) B[2 * t + i + r * 8][g] = at(lane.b[r], i);
                    for (int r = 0; r < 2; r++) D[g + r * 8][2 * t + i] = lane.d[2 * r + i];
                }
            }
            for (int m = 0; m < 16; m++)
                for (int k = 0; k < 16; k++)
                    for (int n = 0; n < 8; n++) D[m][n] += A[m][k] * B[k][n];
            for (int l = 0; l < 32; l++) {
                float* to = static_cast<Lane*>(lanes[l])->d;
                for (int i = 0; i < 4; i++) to[i] = D[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
            }
        },
        &mine);
}

// The same with sums in half precision, which are rounded once per product of 16 inputs.
inline void multiply_add(unsigned (&d)[2], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    float sums[4] = {};
    const half2 upper = *reinterpret_cast<half2*>(d), lower = *reinterpret_cast<half2*>(d + 1);
    sums[0] = float(upper.x), sums[1] = float(upper.y);
    sums[2] = float(lower.x), sums[3] = float(lower.y);
    multiply_add(sums, a, b0, b1);
    const half2 words[2] = {__floats2half2_rn(sums[0], sums[1]), __floats2half2_rn(sums[2], sums[3])};
    memcpy(d, words, 8);
}

inline void load_matrices(unsigned (&a)[4], const half* row) {
    struct Lane { unsigned* a; const half* row; } mine{a, row};
    if (reinterpret_cast<uintptr_t>(row) % 16) __builtin_trap();
    cpu::collective(
        [](void** lanes) {
            const auto lane = [&](int l) { return static_cast<Lane*>(lanes[l]); };
            for (int l = 0; l < 32; l++)
                for (int m = 0; m < 4; m++)
                    memcpy(lane(l)->a + m, lane(8 * m + l / 4)->row + l % 4 * 2, 4);
        },
        &mine);
}

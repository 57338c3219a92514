// Convolutions as matrix products on the tensor cores, without ever writing the matrix.
//
// A block computes 16 columns by ROWS rows of output pixels. It brings the input window of those
// pixels into shared memory, some channels at a time, averaging or interpolating on the way where
// the layer follows a pooling or an upsampling. A warp owns MT rows (one A fragment each) and
// 8 * NT outputs. The fragment of a window's row serves every kernel row that it lies under, so
// it is loaded once for MT + K - 1 rows instead of MT * K times.
#pragma once
#include "common.cuh"

// How the input map becomes the convolution's input.
enum Source {
    PLAIN,      // as it is
    COUNTS,     // 16-bit integers
    POOLED,     // mean of every 2x2 block; an odd last row or column is left out
    UPSAMPLED,  // bicubic to twice the size, a = -0.75, align_corners = false
};

// What follows the sum.
enum Post { RELU, RELU_ADD };

struct ConvArgs {
    const void* input;
    const uint4* weights;  // fragments: [chunk][kernel column][16 inputs][kernel row][16 outputs]
    const float* bias;
    const half* skip;  // RELU_ADD: a map of the output's shape, added last
    half* output;
    int height, width;                // of the output
    int source_height, source_width;  // of the map that `input` points at
};

// A layer of one pixel's channels that follows a convolution and its ReLU, without a ReLU of its own.
struct Projection {
    const uint4* weights;  // fragments: [16 inputs][16 outputs]; inputs permuted up to 32 channels
    const float* bias;
    half* output;
};

struct ProjectArgs {
    ConvArgs conv;
    Projection next;
};

// Side of the window for 16 output columns.
constexpr int window(int outputs, int k) { return outputs + k - 1; }

// Half numbers from one pixel of a window to the next: an odd multiple of 16 bytes, so that
// eight neighbouring pixels lie in different banks of shared memory.
constexpr int pitch(int channels) { return channels + 8; }

// Input channels that one window holds at a time.
constexpr int chunk(int channels) { return channels % 32 == 0 ? 32 : 16; }

constexpr int window_size(int k, int rows, int channels) {
    return window(rows, k) * window(16, k) * pitch(channels);
}

// A number of 16 bits, by the bits of 2^23 + v.
INLINE float count(unsigned v) { return __uint_as_float(0x4b000000u | v) - 8388608.0f; }

INLINE uint4 counts_to_half(uint4 v) {
    const unsigned words[4] = {v.x, v.y, v.z, v.w};
    unsigned to[4];
#pragma unroll
    for (int i = 0; i < 4; i++) to[i] = pack(count(words[i] & 0xffff), count(words[i] >> 16));
    return make_uint4(to[0], to[1], to[2], to[3]);
}

// Channels c..c+8 of pixel (y, x) of a map with `channels` channels.
INLINE uint4 load8(const void* map, int channels, int width, int y, int x, int c) {
    const unsigned at = (static_cast<unsigned>(y) * width + x) * channels + c;
    return __ldg(reinterpret_cast<const uint4*>(static_cast<const half*>(map) + at));
}

INLINE half2 mean4(unsigned a, unsigned b, unsigned c, unsigned d) {
    // A quarter is exact, and quarters add up to no more than the largest number.
    const half2 quarter = __floats2half2_rn(0.25f, 0.25f);
    const half2 upper = __hfma2(as_half2(b), quarter, __hmul2(as_half2(a), quarter));
    return __hadd2(upper, __hfma2(as_half2(d), quarter, __hmul2(as_half2(c), quarter)));
}

INLINE uint4 mean4(uint4 a, uint4 b, uint4 c, uint4 d) {
    return make_uint4(as_word(mean4(a.x, b.x, c.x, d.x)), as_word(mean4(a.y, b.y, c.y, d.y)),
                      as_word(mean4(a.z, b.z, c.z, d.z)), as_word(mean4(a.w, b.w, c.w, d.w)));
}

// The bicubic weights of the four samples around an even output, exact in half precision; those of
// an odd one are mirrored. Output i lies at i / 2 - 1 / 4 of the input: a quarter or three quarters
// past one.
INLINE half2 cubic(int tap) {
    const float weights[4] = {-9.0f / 256, 67.0f / 256, 225.0f / 256, -27.0f / 256};
    return __floats2half2_rn(weights[tap], weights[tap]);
}

// Outputs (2my - 1, 2mx - 1) to (2my, 2mx) of the upsampled map: all four read the same 16 samples.
INLINE void upsample_quad(uint4 (&quad)[2][2], const ConvArgs& a, int channels, int my, int mx,
                          int c) {
    half2 sum[2][2][4];
    int column[4];
#pragma unroll
    for (int q = 0; q < 4; q++) column[q] = min(max(mx - 2 + q, 0), a.source_width - 1);
#pragma unroll
    for (int r = 0; r < 4; r++) {
        const int y = min(max(my - 2 + r, 0), a.source_height - 1);
        half2 across[2][4];
#pragma unroll
        for (int q = 0; q < 4; q++) {
            const uint4 v = load8(a.input, channels, a.source_width, y, column[q], c);
            const unsigned words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const half2 sample = as_half2(words[k]);
                across[0][k] = q ? __hfma2(cubic(3 - q), sample, across[0][k])
                                 : __hmul2(cubic(3 - q), sample);
                across[1][k] = q ? __hfma2(cubic(q), sample, across[1][k])
                                 : __hmul2(cubic(q), sample);
            }
        }
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int k = 0; k < 4; k++) {
                sum[0][i][k] = r ? __hfma2(cubic(3 - r), across[i][k], sum[0][i][k])
                                 : __hmul2(cubic(3 - r), across[i][k]);
                sum[1][i][k] = r ? __hfma2(cubic(r), across[i][k], sum[1][i][k])
                                 : __hmul2(cubic(r), across[i][k]);
            }
    }
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
        for (int i = 0; i < 2; i++)
            quad[j][i] = make_uint4(as_word(limited(sum[j][i][0])), as_word(limited(sum[j][i][1])),
                                    as_word(limited(sum[j][i][2])), as_word(limited(sum[j][i][3])));
}

// Brings channels c0..c0+CHUNK of the window around the block's pixels into shared memory.
// Outside the map the convolution reads zero.
template <int K, int CIN, int CHUNK, int ROWS, Source SOURCE, int THREADS>
INLINE void load_window(half* tile, const ConvArgs& a, int c0, int y0, int x0) {
    constexpr int W = window(16, K), H = window(ROWS, K), VECTORS = CHUNK / 8, R = K / 2;
    static_assert(THREADS % VECTORS == 0, "a thread always brings the same channels");
    const int v = threadIdx.x % VECTORS, c = c0 + 8 * v;
    const auto inside = [&](int y, int x) {
        return static_cast<unsigned>(y) < static_cast<unsigned>(a.height) &&
               static_cast<unsigned>(x) < static_cast<unsigned>(a.width);
    };
    if constexpr (SOURCE == UPSAMPLED) {
        static_assert(K == 3 && ROWS % 2 == 0, "a window starts at an odd row and column");
        for (int i = threadIdx.x; i < H / 2 * (W / 2) * VECTORS; i += THREADS) {
            const int tx = i / VECTORS % (W / 2) * 2, ty = i / VECTORS / (W / 2) * 2;
            const int y = y0 - 1 + ty, x = x0 - 1 + tx;
            uint4 quad[2][2];
            upsample_quad(quad, a, CIN, (y + 1) / 2, (x + 1) / 2, c);
#pragma unroll
            for (int j = 0; j < 2; j++)
#pragma unroll
                for (int k = 0; k < 2; k++)
                    *reinterpret_cast<uint4*>(tile + ((ty + j) * W + tx + k) * pitch(CHUNK) + 8 * v) =
                        inside(y + j, x + k) ? quad[j][k] : make_uint4(0, 0, 0, 0);
        }
        return;
    }
    // Positions advance by a constant; only at the end of a row of the window by another one.
    constexpr int STEP = THREADS / VECTORS, SCALE = SOURCE == POOLED ? 2 : 1;
    int x = x0 - R + static_cast<int>(threadIdx.x / VECTORS % W);
    int y = y0 - R + static_cast<int>(threadIdx.x / VECTORS / W);
    half* to = tile + threadIdx.x / VECTORS * pitch(CHUNK) + 8 * v;
    // In vectors of 16 bytes. May point before the map, where nothing is read.
    const uint4* from = static_cast<const uint4*>(a.input) + c / 8 +
                        (static_cast<ptrdiff_t>(y) * a.source_width + x) * (SCALE * CIN / 8);
    const int row = a.source_width * (CIN / 8);
    const int advance = SCALE * (STEP / W * row + STEP % W * (CIN / 8));
    const int next_row = SCALE * (row - W * (CIN / 8));
#pragma unroll 4
    for (int i = threadIdx.x; i < H * W * VECTORS; i += THREADS) {
        uint4 value = make_uint4(0, 0, 0, 0);
        if (inside(y, x)) {
            if constexpr (SOURCE == POOLED)
                value = mean4(__ldg(from), __ldg(from + CIN / 8), __ldg(from + row),
                              __ldg(from + row + CIN / 8));
            else
                value = __ldg(from);
            if constexpr (SOURCE == COUNTS) value = counts_to_half(value);
        }
        *reinterpret_cast<uint4*>(to) = value;
        to += STEP * pitch(CHUNK);
        x += STEP % W, y += STEP / W, from += advance;
        if (x >= x0 - R + W) x -= W, y++, from += next_row;
    }
}

// How products are added up: in single precision, or those of a kernel column in half precision.
enum Sums { SINGLE_SUMS, HALF_SUMS };

// GeForce cards add up in half precision twice as fast (machine code for them is built with
// GEFORCE). Not for layers whose inputs are counts, which have no bound, nor where a kernel column is
// too short to be worth it.
constexpr Sums sums_of(int k, int inputs) {
#ifdef GEFORCE
    return k > 1 && inputs < 96 ? HALF_SUMS : SINGLE_SUMS;
#else
    return SINGLE_SUMS;
#endif
}

// What the sums of such a layer may be.
constexpr Numbers numbers_of(int k, int inputs) {
    return sums_of(k, inputs) == HALF_SUMS ? PERHAPS_NAN : FINITE;
}

INLINE void add_sums(float (&d)[4], const unsigned (&sums)[2]) {
    const float2 upper = __half22float2(as_half2(sums[0])), lower = __half22float2(as_half2(sums[1]));
    d[0] += upper.x, d[1] += upper.y, d[2] += lower.x, d[3] += lower.y;
}

// Adds the products of one window with one chunk's weights. `row` is the warp's first row,
// `weights` the warp's first output and the lane's share; PAIRS pairs of B fragments make all
// outputs of the layer.
template <int K, int CHUNK, int MT, int NT, int PAIRS, Sums SUMS>
INLINE void multiply_window(float (&d)[MT][NT][4], const half* tile, int row,
                            const uint4* weights) {
    constexpr int W = window(16, K);
    const int lane = threadIdx.x % WARP;
    // The row of the 8x8 matrix that this lane addresses: pixel and first input.
    const half* base = tile + (row * W + lane % 16) * pitch(CHUNK) + lane / 16 * 8;
    const auto b = [&](int step, int pair) { return __ldg(weights + (step * PAIRS + pair) * WARP); };
    const auto multiply = [&](auto(&to)[NT], const unsigned(&a)[4], const uint4(&w)[NT / 2]) {
#pragma unroll
        for (int n = 0; n < NT; n += 2) {
            multiply_add(to[n], a, w[n / 2].x, w[n / 2].y);
            multiply_add(to[n + 1], a, w[n / 2].z, w[n / 2].w);
        }
    };
    const auto column = [&](auto(&to)[MT][NT], const half* first) {
#if __CUDA_ARCH__ >= 800 || defined CUDA_CPU
#pragma unroll
#else
// All steps of a projection at once would need more registers than there are on Turing.
#pragma unroll 2
#endif
        for (int s = 0; s < CHUNK / 16; s++) {
            const half* from = first + s * 16;
            if constexpr (NT <= 4) {
                // All kernel rows' weights at once; every window row is loaded a single time.
                uint4 w[K][NT / 2];
#pragma unroll
                for (int ky = 0; ky < K; ky++)
#pragma unroll
                    for (int n = 0; n < NT / 2; n++) w[ky][n] = b(s * K + ky, n);
#pragma unroll
                for (int r = 0; r < MT + K - 1; r++) {
                    unsigned a[4];
                    load_matrices(a, from + r * W * pitch(CHUNK));
#pragma unroll
                    for (int ky = 0; ky < K; ky++)
                        if (r - ky >= 0 && r - ky < MT) multiply(to[r - ky], a, w[ky]);
                }
            } else {
#pragma unroll
                for (int ky = 0; ky < K; ky++) {
                    uint4 w[NT / 2];
#pragma unroll
                    for (int n = 0; n < NT / 2; n++) w[n] = b(s * K + ky, n);
#pragma unroll
                    for (int m = 0; m < MT; m++) {
                        unsigned a[4];
                        load_matrices(a, from + (m + ky) * W * pitch(CHUNK));
                        multiply(to[m], a, w);
                    }
                }
            }
        }
    };
#pragma unroll 1
    for (int kx = 0; kx < K; kx++) {
        if constexpr (SUMS == HALF_SUMS) {
            unsigned sums[MT][NT][2] = {};
            column(sums, base + kx * pitch(CHUNK));
#pragma unroll
            for (int m = 0; m < MT; m++)
#pragma unroll
                for (int n = 0; n < NT; n++) add_sums(d[m][n], sums[m][n]);
        } else {
            column(d, base + kx * pitch(CHUNK));
        }
        weights += CHUNK / 16 * K * PAIRS * WARP;
    }
}

// Applies a projection to the sums of a convolution, which are stored as well. `shared` is the
// window's memory.
template <int COUT, int MT, int WM, int WN, Numbers NUMBERS>
INLINE void project(float (&d)[MT][COUT / WN / 8][4], const ConvArgs& a, const Projection& next,
                    half* shared, int y0, int x0) {
    constexpr int PER_WARP = COUT / WN, NT = PER_WARP / 8;
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const int row = warp % WM * MT, first = warp / WM * PER_WARP;
    unsigned in[MT][NT / 2][4];
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int p = 0; p < 2; p++)
                in[m][n / 2][n % 2 * 2 + p] = pack_relu<NUMBERS>(d[m][n][2 * p], d[m][n][2 * p + 1]);
    store_rows<COUT, PER_WARP, MT>(
        a.output, a.height, a.width, y0 + row, x0, first,
        [&](int m, int n, int p) { return in[m][n / 2][n % 2 * 2 + p]; });
    if constexpr (WN == 1) {
        unsigned out[MT][NT / 2][4];
        layer<COUT, MT>(in, next.weights + lane, next.bias,
                        [&](int m, int n, const float(&sums)[2][4]) {
#pragma unroll
                            for (int i = 0; i < 4; i++) out[m][n][i] = as_input<false>(sums, i);
                        });
        store_rows<COUT, PER_WARP, MT>(
            next.output, a.height, a.width, y0 + row, x0, first,
            [&](int m, int n, int p) { return out[m][n / 2][n % 2 * 2 + p]; });
    } else {
        // A pixel's channels are spread over several warps: they meet in shared memory.
        using L = Lanes<PER_WARP>;
        __syncthreads();
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int p = 0; p < 2; p++)
#pragma unroll
                for (int j = 0; j < L::GROUPS; j++) {
                    unsigned words[L::OWN / 2];
#pragma unroll
                    for (int i = 0; i < L::TILES; i++) {
                        const int n = j * L::TILES + i;
                        words[i] = in[m][n / 2][n % 2 * 2 + p];
                    }
                    store_group<PER_WARP>(shared + ((row + m) * 16 + g + 8 * p) * pitch(COUT) + first +
                                              j * 32 + L::OWN * t, words);
                }
        __syncthreads();
#pragma unroll
        for (int m = 0; m < MT; m++) start_at_bias<PER_WARP>(d[m], next.bias + first);
        multiply_window<1, COUT, MT, NT, COUT / 16, SINGLE_SUMS>(
            d, shared, row, next.weights + first / 16 * WARP + lane);
        store_rows<COUT, PER_WARP, MT>(
            next.output, a.height, a.width, y0 + row, x0, first,
            [&](int m, int n, int p) { return pack(d[m][n][2 * p], d[m][n][2 * p + 1]); });
    }
}

// A whole layer. WM warps share the rows of a block, WN its outputs. PROJECT: a projection follows.
template <int K, int CIN, int COUT, Source SOURCE, Post POST, int MT, int WM, int WN, bool PROJECT>
INLINE void convolve(const ConvArgs& a, const Projection& next) {
    constexpr int CHUNK = chunk(CIN), ROWS = WM * MT, PER_WARP = COUT / WN;
    constexpr int WINDOW = window_size(K, ROWS, CHUNK);
    // All channels of the block's pixels, where they meet in shared memory.
    constexpr int OUTPUTS = PROJECT && WN > 1 ? ROWS * 16 * pitch(COUT) : 0;
    constexpr int NT = PER_WARP / 8, PAIRS = COUT / 16;
    using L = Lanes<PER_WARP>;
    SHARED(half, tile, WINDOW > OUTPUTS ? WINDOW : OUTPUTS);
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    const int row = warp % WM * MT, first = warp / WM * PER_WARP;
    const int y0 = blockIdx.y * ROWS, x0 = blockIdx.x * 16;
    float d[MT][NT][4];
#pragma unroll
    for (int m = 0; m < MT; m++) start_at_bias<PER_WARP>(d[m], a.bias + first);
    const uint4* weights = a.weights + first / 16 * WARP + lane;
#pragma unroll 1
    for (int c0 = 0; c0 < CIN; c0 += CHUNK) {
        if (c0 > 0) __syncthreads();
        load_window<K, CIN, CHUNK, ROWS, SOURCE, WM * WN * WARP>(tile, a, c0, y0, x0);
        __syncthreads();
        multiply_window<K, CHUNK, MT, NT, PAIRS, sums_of(K, CIN)>(d, tile, row, weights);
        weights += K * K * CHUNK / 16 * PAIRS * WARP;
    }
    if constexpr (PROJECT) {
        static_assert(POST == RELU, "what is projected");
        project<COUT, MT, WM, WN, numbers_of(K, CIN)>(d, a, next, tile, y0, x0);
    } else if constexpr (POST == RELU) {
        store_rows<COUT, PER_WARP, MT>(
            a.output, a.height, a.width, y0 + row, x0, first, [&](int m, int n, int p) {
                return pack_relu<numbers_of(K, CIN)>(d[m][n][2 * p], d[m][n][2 * p + 1]);
            });
    } else {
        const int g = lane / 4, t = lane % 4;
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int p = 0; p < 2; p++) {
                const int y = y0 + row + m, x = x0 + g + 8 * p;
                if (y >= a.height || x >= a.width) continue;
                const unsigned at = (static_cast<unsigned>(y) * a.width + x) * COUT + first + L::OWN * t;
#pragma unroll
                for (int j = 0; j < L::GROUPS; j++) {
                    unsigned words[L::OWN / 2], skip[L::OWN / 2];
                    load_group<PER_WARP>(skip, a.skip + at + j * 32);
#pragma unroll
                    for (int i = 0; i < L::TILES; i++) {
                        const float* sums = d[m][j * L::TILES + i] + 2 * p;
                        const float2 s = __half22float2(as_half2(skip[i]));
                        // A sum that is not a number becomes zero.
                        words[i] = pack(fmaxf(sums[0], 0.0f) + s.x, fmaxf(sums[1], 0.0f) + s.y);
                    }
                    store_group<PER_WARP>(a.output + at + j * 32, words);
                }
            }
    }
}

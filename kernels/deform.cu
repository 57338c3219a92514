// Modulated deformable convolution (DCNv2) with the plain convolution that gives its offsets and
// masks: one kernel, in which neither the offsets nor the sampled columns leave the chip.
//
// A block takes 16 x 8 pixels. Tensor cores compute their offsets and mask logits, which go to
// shared memory and are replaced there by what sampling needs: an address and four weights per
// pixel and tap. A lane then samples the channels that it holds of an A fragment, so that the
// sampled numbers are multiplied straight from registers.
#include "conv.cuh"

struct DeformArgs {
    const half* input;             // (height, width, C)
    const uint4* offset_weights;   // as ConvArgs: published order, zeros up to 16 * pairs outputs
    const float* offset_bias;      // likewise
    const uint4* weights;          // fragments: [tap][16 inputs][16 outputs], inputs permuted
    const float* bias;
    half* output;  // (height, width, C)
    int height, width;
};

// Where a tap is sampled: the upper left sample that lies within the map, and whether its right
// and lower neighbours do. The weights of samples outside are zero.
constexpr unsigned STEP_RIGHT = 1u << 31, STEP_DOWN = 1u << 30, PIXEL = STEP_DOWN - 1;

struct Sample {
    unsigned where;
    half2 upper, lower;  // weights of left and right, times the mask
};

INLINE Sample sample_at(float sy, float sx, float logit, int height, int width) {
    Sample out;
    out.where = 0;
    out.upper = out.lower = __floats2half2_rn(0.0f, 0.0f);
    // Also false for an offset that is not a number.
    if (!(sy > -1.0f && sy < height && sx > -1.0f && sx < width)) return out;
    const float y0 = floorf(sy), x0 = floorf(sx), fy = sy - y0, fx = sx - x0;
    const int y = static_cast<int>(y0), x = static_cast<int>(x0);
    const bool up = y >= 0, down = y + 1 < height, left = x >= 0, right = x + 1 < width;
    const float mask = 1.0f / (1.0f + expf(-logit));
    const float wu = up ? (1.0f - fy) * mask : 0.0f, wd = down ? fy * mask : 0.0f;
    const float wl = left ? 1.0f - fx : 0.0f, wr = right ? fx : 0.0f;
    out.where = static_cast<unsigned>(max(y, 0) * width + max(x, 0));
    if (up && down) out.where |= STEP_DOWN;
    if (left && right) out.where |= STEP_RIGHT;
    out.upper = __floats2half2_rn(wu * wl, wu * wr);
    out.lower = __floats2half2_rn(wd * wl, wd * wr);
    return out;
}

// The lane's channels of one group at one sample, weighted, added to `v`.
template <int C>
INLINE void add_sample(half2 (&v)[Lanes<C>::OWN / 2], const half* from, half2 weight) {
    unsigned words[Lanes<C>::OWN / 2];
    load_group<C>(words, from);
#pragma unroll
    for (int i = 0; i < Lanes<C>::OWN / 2; i++) v[i] = __hfma2(weight, as_half2(words[i]), v[i]);
}

template <int C, int K>
INLINE void deform(const DeformArgs& a) {
    using L = Lanes<C>;
    constexpr int TAPS = K * K, ROWS = 8, MT = 2, PIXELS = ROWS * 16, CHUNK = L::GROUP;
    constexpr int PAIRS = (3 * TAPS + 15) / 16, NT = 2 * PAIRS, STEPS = L::TILES / 2;
    // From one output to the next; four more than a multiple of 32 keeps a warp's stores apart.
    constexpr int ROW = PIXELS + 4;
    constexpr int WINDOW = window_size(K, ROWS, CHUNK) / 2, PLAN = 3 * TAPS * ROW;
    SHARED(unsigned, shared, WINDOW > PLAN ? WINDOW : PLAN);
    half* tile = reinterpret_cast<half*>(shared);
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const int y0 = blockIdx.y * ROWS, x0 = blockIdx.x * 16;
    {
        ConvArgs conv = {};
        conv.input = a.input;
        conv.height = a.height, conv.width = a.width;
        conv.source_height = a.height, conv.source_width = a.width;
        float d[MT][NT][4];
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < NT; n++) {
                d[m][n][0] = d[m][n][2] = __ldg(a.offset_bias + 8 * n + 2 * t);
                d[m][n][1] = d[m][n][3] = __ldg(a.offset_bias + 8 * n + 2 * t + 1);
            }
        const uint4* weights = a.offset_weights + lane;
#pragma unroll 1
        for (int c0 = 0; c0 < C; c0 += CHUNK) {
            if (c0 > 0) __syncthreads();
            load_window<K, C, CHUNK, ROWS, PLAIN, 128>(tile, conv, c0, y0, x0);
            __syncthreads();
            multiply_window<K, CHUNK, MT, NT, PAIRS>(d, tile, warp * MT, weights);
            weights += TAPS * CHUNK / 16 * PAIRS * WARP;
        }
        __syncthreads();  // the window's memory now holds the sums
        float* sums = reinterpret_cast<float*>(shared);
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < NT; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int output = 8 * n + 2 * t + i % 2;
                    const int pixel = (warp * MT + m) * 16 + g + i / 2 * 8;
                    if (output < 3 * TAPS) sums[output * ROW + pixel] = d[m][n][i];
                }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < TAPS * PIXELS; i += 128) {
        const int tap = i / PIXELS, pixel = i % PIXELS;
        unsigned* dy = shared + 2 * tap * ROW + pixel;
        unsigned* dx = dy + ROW;
        unsigned* mask = shared + (2 * TAPS + tap) * ROW + pixel;
        const float sy = static_cast<float>(y0 + pixel / 16 + tap / K - K / 2) + __uint_as_float(*dy);
        const float sx = static_cast<float>(x0 + pixel % 16 + tap % K - K / 2) + __uint_as_float(*dx);
        const Sample s = sample_at(sy, sx, __uint_as_float(*mask), a.height, a.width);
        *dy = s.where;
        *dx = as_word(s.upper);
        *mask = as_word(s.lower);
    }
    __syncthreads();
#pragma unroll 1
    for (int m = 0; m < MT; m++) {
        const int row = warp * MT + m, y = y0 + row;
        if (y >= a.height) continue;
        float d[C / 8][4];
        start_at_bias<C>(d, a.bias);
#pragma unroll 1
        for (int tap = 0; tap < TAPS; tap++) {
            Sample s[2];
#pragma unroll
            for (int p = 0; p < 2; p++) {
                const int pixel = row * 16 + g + 8 * p;
                s[p].where = shared[2 * tap * ROW + pixel];
                s[p].upper = as_half2(shared[(2 * tap + 1) * ROW + pixel]);
                s[p].lower = as_half2(shared[(2 * TAPS + tap) * ROW + pixel]);
            }
            const uint4* weights = a.weights + tap * (C / 16) * (C / 16) * WARP + lane;
#pragma unroll
            for (int j = 0; j < L::GROUPS; j++) {
                half2 v[2][L::OWN / 2];
#pragma unroll
                for (int p = 0; p < 2; p++) {
                    const half* at = a.input + static_cast<size_t>(s[p].where & PIXEL) * C +
                                     j * L::GROUP + L::OWN * t;
                    const int right = s[p].where & STEP_RIGHT ? C : 0;
                    const int down = s[p].where & STEP_DOWN ? a.width * C : 0;
#pragma unroll
                    for (int i = 0; i < L::OWN / 2; i++)
                        v[p][i] = __floats2half2_rn(0.0f, 0.0f);
                    add_sample<C>(v[p], at, __low2half2(s[p].upper));
                    add_sample<C>(v[p], at + right, __high2half2(s[p].upper));
                    add_sample<C>(v[p], at + down, __low2half2(s[p].lower));
                    add_sample<C>(v[p], at + down + right, __high2half2(s[p].lower));
                }
#pragma unroll
                for (int q = 0; q < STEPS; q++) {
                    const unsigned f[4] = {as_word(v[0][2 * q]), as_word(v[1][2 * q]),
                                           as_word(v[0][2 * q + 1]), as_word(v[1][2 * q + 1])};
#pragma unroll
                    for (int n = 0; n < C / 16; n++) {
                        const uint4 w = __ldg(weights + ((j * STEPS + q) * (C / 16) + n) * WARP);
                        multiply_add(d[2 * n], f, w.x, w.y);
                        multiply_add(d[2 * n + 1], f, w.z, w.w);
                    }
                }
            }
        }
#pragma unroll
        for (int p = 0; p < 2; p++) {
            const int x = x0 + g + 8 * p;
            if (x >= a.width) continue;
            half* to = a.output + (static_cast<size_t>(y) * a.width + x) * C + L::OWN * t;
#pragma unroll
            for (int j = 0; j < L::GROUPS; j++) {
                unsigned words[L::OWN / 2];
#pragma unroll
                for (int i = 0; i < L::TILES; i++)
                    words[i] = pack(d[j * L::TILES + i][2 * p], d[j * L::TILES + i][2 * p + 1]);
                store_group<C>(to + j * 32, words);
            }
        }
    }
}

// Four warps, two rows of 16 pixels each.
KERNEL(deform5_16, 128)(DeformArgs a) { deform<16, 5>(a); }
KERNEL(deform3_32, 128)(DeformArgs a) { deform<32, 3>(a); }
KERNEL(deform3_64, 128)(DeformArgs a) { deform<64, 3>(a); }
KERNEL(deform3_128, 128)(DeformArgs a) { deform<128, 3>(a); }

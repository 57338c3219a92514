// Modulated deformable convolution (DCNv2) with the plain convolution that gives its offsets and
// masks: one kernel, in which neither the offsets nor the sampled columns leave the chip.
//
// A block takes 16 x 8 pixels, a warp two rows of 16; with 128 channels half of that. Tensor cores
// compute their offsets and mask logits, which go to shared memory and are replaced there by what
// sampling needs: an address and four weights per pixel and tap. A lane then samples the channels that
// it holds of an A fragment, so that the sampled numbers are multiplied straight from registers. After
// the offsets no warp waits for another one.
#include "conv.cuh"

struct DeformArgs {
    const half* input;             // (height, width, C), less than 4 GiB; up to 64 channels 2x2 at least
    const uint4* offset_weights;   // as ConvArgs: published order, zeros up to 16 * pairs outputs
    const float* offset_bias;      // likewise
    const uint4* weights;          // fragments: [tap][16 inputs][16 outputs], inputs permuted; see
                                   // Gather for 16 channels
    const float* bias;
    half* output;  // (height, width, C)
    int height, width;
};

// Sums with this constant are integers, and their lowest bits those of the integer.
constexpr float INTEGER = 12582912.0f;  // 1.5 * 2^23

// The samples' positions along one axis of a map.
struct Extent {
    float last;    // INTEGER and the first of the last two positions
    float second;  // from a sample to the next; where there is none, far away
};

// Whether there is only one position. Only the smallest level's maps can be that small, those of an
// image of 16 columns or rows.
template <int C>
INLINE bool single_position(int size) {
    return C > 64 && size == 1;
}

template <int C>
INLINE Extent extent_of(int size) {
    const bool single = single_position<C>(size);
    return {INTEGER + static_cast<float>(single ? 0 : size - 2), single ? 4.0f : 1.0f};
}

// Where a tap is sampled along one axis: the first of two neighbours within the map, and weights of
// both. They fall off linearly with the distance, so that a sample beyond the edge, or one from an
// offset that is not a number, has weight zero without being looked for.
struct Axis {
    unsigned first;  // as bits of its sum with INTEGER
    float weights[2];
};

INLINE Axis axis_at(float at, const Extent& extent) {
    const float first = fminf(fmaxf(__fadd_rd(at, INTEGER), INTEGER), extent.last);
    const float after = at - (first - INTEGER);
    return {__float_as_uint(first),
            {__saturatef(1.0f - fabsf(after)), __saturatef(1.0f - fabsf(after - extent.second))}};
}

// A pixel's sample of one tap: bytes from the map's start, and the weights of upper left, upper
// right, lower left and lower right, times the mask.
struct Sample {
    unsigned where;
    half2 upper, lower;
};

// `row` is the map's width in bytes, `origin` what the bits of INTEGER add to a sample's place.
template <int C>
INLINE Sample sample_at(float sy, float sx, float logit, const Extent& height, const Extent& width,
                        unsigned row, unsigned origin) {
    const Axis y = axis_at(sy, height), x = axis_at(sx, width);
    const float mask = sigmoid(logit);
    // Within [0, 1] already: what saturates is a mask that is not a number.
    const float upper = __saturatef(y.weights[0] * mask), lower = __saturatef(y.weights[1] * mask);
    return {y.first * row + x.first * (2 * C) - origin,
            __floats2half2_rn(upper * x.weights[0], upper * x.weights[1]),
            __floats2half2_rn(lower * x.weights[0], lower * x.weights[1])};
}

// Eight channels at one sample, weighted, added to `v`.
template <bool FIRST>
INLINE void add_sample(half2 (&v)[4], const char* from, half2 weight) {
    const uint4 words = __ldg(reinterpret_cast<const uint4*>(from));
    const unsigned each[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
    for (int i = 0; i < 4; i++)
        v[i] = FIRST ? __hmul2(weight, as_half2(each[i])) : __hfma2(weight, as_half2(each[i]), v[i]);
}

// How a lane samples: 16 bytes of two pixels at a time, which are its share of two A fragments. With
// 32 and more channels, 32 of one tap at a time. With 16, those of two taps: lanes t = 0 and 1 take
// the first tap, 2 and 3 the second, each 8 channels; after an odd last tap comes another one of weight
// zero.
template <int C, int K>
struct Gather {
    static constexpr int TAPS = K * K;
    static constexpr bool PAIRED = C < 32;
    static constexpr int STEPS = PAIRED ? (TAPS + 1) / 2 : TAPS;
    static constexpr int GROUPS = PAIRED ? 1 : C / 32;
    static constexpr int TAPS_AT_ONCE = PAIRED ? 2 : 1;
    static INLINE int tap(int t) { return PAIRED ? t / 2 : 0; }  // of the first step
    static INLINE int channel(int t) { return PAIRED ? 8 * (t % 2) : 8 * t; }
};

// Rows of a block. The maps with 128 channels are small: with fewer rows more multiprocessors take part,
// and each warp has half as much to do one after the other.
constexpr int deform_rows(int channels) { return channels < 128 ? 8 : 4; }

template <int C, int K>
INLINE void deform(const DeformArgs& a) {
    using L = Lanes<C>;
    using G = Gather<C, K>;
    constexpr int TAPS = K * K, ROWS = deform_rows(C), MT = ROWS / 4, CHUNK = L::GROUP;
    constexpr int PAIRS = (3 * TAPS + 15) / 16, NT = 2 * PAIRS;
    // Rows that share their weights: both where those are many, as far as registers suffice. With few
    // channels, and so many taps, one row's plan at a time leaves shared memory to more blocks.
    constexpr int TOGETHER = C == 64 ? MT : 1;
    // From one output to the next: a warp stores its sums to 32 different banks.
    constexpr int ROW = 20;
    constexpr int WINDOW = window_size(K, ROWS, CHUNK) / 2, PLAN = 3 * TAPS * ROW * TOGETHER;
    SHARED(unsigned, shared, WINDOW > 4 * PLAN ? WINDOW : 4 * PLAN);
    half* tile = reinterpret_cast<half*>(shared);
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
    const int y0 = blockIdx.y * ROWS, x0 = blockIdx.x * 16;
    float offsets[MT][NT][4];
    {
        ConvArgs conv = {};
        conv.input = a.input;
        conv.height = a.height, conv.width = a.width;
        conv.source_height = a.height, conv.source_width = a.width;
#pragma unroll
        for (int n = 0; n < NT; n++) {
            const float2 bias = __ldg(reinterpret_cast<const float2*>(a.offset_bias + 8 * n + 2 * t));
#pragma unroll
            for (int m = 0; m < MT; m++) {
                offsets[m][n][0] = offsets[m][n][2] = bias.x;
                offsets[m][n][1] = offsets[m][n][3] = bias.y;
            }
        }
        const uint4* weights = a.offset_weights + lane;
#pragma unroll 1
        for (int c0 = 0; c0 < C; c0 += CHUNK) {
            if (c0 > 0) __syncthreads();
            load_window<K, C, CHUNK, ROWS, PLAIN, 128>(tile, conv, c0, y0, x0);
            __syncthreads();
            multiply_window<K, CHUNK, MT, NT, PAIRS, sums_of(K, C)>(offsets, tile, warp * MT, weights);
            weights += TAPS * CHUNK / 16 * PAIRS * WARP;
        }
        __syncthreads();  // the window's memory now holds the plans
    }
    unsigned* plan = shared + warp * PLAN;
    const char* input = reinterpret_cast<const char*>(a.input + G::channel(t));
    const unsigned row = a.width * (2 * C), origin = __float_as_uint(INTEGER) * (row + 2 * C);
    const unsigned right = single_position<C>(a.width) ? 0 : 2 * C;
    const unsigned down = single_position<C>(a.height) ? 0 : row;
    const Extent height = extent_of<C>(a.height), width = extent_of<C>(a.width);
#pragma unroll
    for (int m0 = 0; m0 < MT; m0 += TOGETHER) {
        const int y = y0 + warp * MT + m0;
        if (m0 > 0) __syncwarp();
#pragma unroll
        for (int m = 0; m < TOGETHER; m++) {
            unsigned* mine = plan + m * (3 * TAPS * ROW);
#pragma unroll
            for (int n = 0; n < NT; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int output = 8 * n + 2 * t + i % 2;
                    if (output < 3 * TAPS)
                        mine[output * ROW + g + i / 2 * 8] = __float_as_uint(offsets[m0 + m][n][i]);
                }
        }
        __syncwarp();
        // One lane per pixel and every second tap.
        const int pixel = lane % 16;
#pragma unroll
        for (int m = 0; m < TOGETHER; m++) {
            unsigned* mine = plan + m * (3 * TAPS * ROW) + pixel;
            const float end = static_cast<float>(x0 + pixel - K / 2 + K);
            float px = end - K + lane / 16, py = static_cast<float>(y + m - K / 2);
#pragma unroll 1
            for (int tap = lane / 16; tap < TAPS; tap += 2) {
                unsigned* dy = mine + 2 * tap * ROW;
                unsigned* mask = mine + (2 * TAPS + tap) * ROW;
                const Sample s = sample_at<C>(py + __uint_as_float(dy[0]),
                                              px + __uint_as_float(dy[ROW]),
                                              __uint_as_float(*mask), height, width, row, origin);
                px += 2.0f;
                if (px >= end) px -= K, py += 1.0f;
                dy[0] = s.where;
                dy[ROW] = as_word(s.upper);
                *mask = as_word(s.lower);
            }
        }
        __syncwarp();
        if (y >= a.height) continue;
        float d[TOGETHER][C / 8][4];
#pragma unroll
        for (int m = 0; m < TOGETHER; m++) start_at_bias<C>(d[m], a.bias);
        const uint4* weights = a.weights + lane;
        // The lane's plan of a step's tap: where and upper weights, then lower ones.
        const unsigned* place = plan + g + 2 * G::tap(t) * ROW;
        const unsigned* below = plan + g + (2 * TAPS + G::tap(t)) * ROW;
#pragma unroll(C < 32 ? 2 : 1)
        for (int step = 0; step < G::STEPS; step++) {
            Sample s[TOGETHER][2];
#pragma unroll
            for (int m = 0; m < TOGETHER; m++)
#pragma unroll
                for (int p = 0; p < 2; p++) {
                    const int at = m * (3 * TAPS * ROW) + 8 * p;
                    s[m][p] = {place[at], as_half2(place[at + ROW]), as_half2(below[at])};
                }
            if (!G::PAIRED || 2 * step + 2 + t / 2 < TAPS) {
                place += 2 * G::TAPS_AT_ONCE * ROW;
                below += G::TAPS_AT_ONCE * ROW;
            }
#pragma unroll(TOGETHER > 1 ? 1 : G::GROUPS)
            for (int j = 0; j < G::GROUPS; j++) {
                half2 v[TOGETHER][2][4];
#pragma unroll
                for (int m = 0; m < TOGETHER; m++)
#pragma unroll
                    for (int p = 0; p < 2; p++) {
                        const char* at = input + s[m][p].where + 64 * j;
                        add_sample<true>(v[m][p], at, __low2half2(s[m][p].upper));
                        add_sample<false>(v[m][p], at + right, __high2half2(s[m][p].upper));
                        add_sample<false>(v[m][p], at + down, __low2half2(s[m][p].lower));
                        add_sample<false>(v[m][p], at + down + right, __high2half2(s[m][p].lower));
                    }
#pragma unroll
                for (int q = 0; q < 2; q++)
#pragma unroll
                    for (int n = 0; n < C / 16; n++) {
                        const uint4 w = __ldg(weights);
                        weights += WARP;
#pragma unroll
                        for (int m = 0; m < TOGETHER; m++) {
                            const unsigned f[4] = {as_word(v[m][0][2 * q]), as_word(v[m][1][2 * q]),
                                                   as_word(v[m][0][2 * q + 1]),
                                                   as_word(v[m][1][2 * q + 1])};
                            multiply_add(d[m][2 * n], f, w.x, w.y);
                            multiply_add(d[m][2 * n + 1], f, w.z, w.w);
                        }
                    }
            }
        }
        store_rows<C, C, TOGETHER>(a.output, a.height, a.width, y, x0, 0, [&](int m, int n, int p) {
            return pack(d[m][n][2 * p], d[m][n][2 * p + 1]);
        });
    }
}

// Four warps, two rows of 16 pixels each, or one.
KERNEL(deform5_16, 128)(DeformArgs a) { deform<16, 5>(a); }
KERNEL(deform3_32, 128)(DeformArgs a) { deform<32, 3>(a); }
KERNEL(deform3_64, 128)(DeformArgs a) { deform<64, 3>(a); }
KERNEL(deform3_128, 128)(DeformArgs a) { deform<128, 3>(a); }

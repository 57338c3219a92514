// The input of weights that read the event prior: scaled counts and the prior's two channels.
// src/event/prior.rs defines it and says where the constants come from.
#include "eger.cu"

// Numbers that the definition gives for a pixel, and channels of the map: zeros fill it up to the
// first convolution's multiple of 16.
constexpr int PRIOR_PLANES = EGER_CHANNELS + 2;
constexpr int PRIOR_CHANNELS = 112;

constexpr float COUNT_UNIT = 0.2f;
constexpr float MAX_LOG_RATIO = 3.0f;
constexpr float LOG_RATIO_SCALE = 2.0f;
constexpr float MAX_LEVEL = 20.0f;

// The counting kernels' header, and after it what the prior needs of the target besides.
struct PriorHeader {
    EgerHeader counting;
    float overlap[EGER_BINS];  // how long the target lies in each bin, in bins; zero: an instant
    float total;               // their sum
    float scales[2];           // factors of the counts: negative polarity, positive polarity
    float unused;
};

struct PriorArgs {
    const PriorHeader* header;
    const uint4* counts;  // (height, width, 96) of 16 bits
    void* map;            // (height, width, 112), half or single
    int height, width;
};

INLINE float clamp_level(float level) { return fminf(fmaxf(level, -MAX_LEVEL), MAX_LEVEL); }
INLINE float exp_level(float level) { return expf(clamp_level(level)); }

// Mean of the exponential of a level that runs linearly from `from` to `to` (Simpson's rule), with
// the exponentials of both ends.
INLINE float mean_exp(float from, float to, float exp_from, float exp_to) {
    return (exp_from + 4.0f * exp_level(0.5f * (from + to)) + exp_to) * (1.0f / 6);
}

INLINE void store(half* to, float v) { *to = static_cast<half>(limit(v)); }
INLINE void store(float* to, float v) { *to = v; }

INLINE void store8(half* to, const float (&v)[8]) { *reinterpret_cast<uint4*>(to) = pack8(v); }
INLINE void store8(float* to, const float (&v)[8]) {
#pragma unroll
    for (int k = 0; k < 8; k++) to[k] = v[k];
}

// One thread per pixel.
template <class T>
INLINE void append_prior(const PriorArgs& a) {
    constexpr int BINS = 4;  // at a time: three vectors of counts
    const size_t pixel = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (pixel >= static_cast<size_t>(a.height) * a.width) return;
    const float total = __ldg(&a.header->total);
    const float scales[2] = {__ldg(a.header->scales), __ldg(a.header->scales + 1)};
    const uint4* from = a.counts + pixel * (EGER_CHANNELS / 8);
    T* to = static_cast<T*>(a.map) + pixel * PRIOR_CHANNELS;
    // Log intensity relative to the exposure's start, its exponential, and the sums over bins.
    float level = 0.0f, exp_from = 1.0f, at_instant = 0.0f, blurry = 0.0f, sharp = 0.0f;
#pragma unroll 1
    for (int first = 0; first < EGER_BINS; first += BINS, from += 3, to += BINS * 6) {
        float scaled[3][8];
#pragma unroll
        for (int v = 0; v < 3; v++) {
            const uint4 counts = __ldg(from + v);
            const unsigned words[4] = {counts.x, counts.y, counts.z, counts.w};
#pragma unroll
            for (int i = 0; i < 4; i++) {
                scaled[v][2 * i] = static_cast<float>(words[i] & 0xffff) * scales[0];
                scaled[v][2 * i + 1] = static_cast<float>(words[i] >> 16) * scales[1];
            }
            store8(to + 8 * v, scaled[v]);
        }
#pragma unroll
        for (int b = 0; b < BINS; b++) {
            const auto change = [&](int part) {
                const int c = b * 6 + part * 2;
                return (scaled[c / 8][c % 8 + 1] - scaled[c / 8][c % 8]) * COUNT_UNIT;
            };
            const float before = change(0), within = change(1), after = change(2);
            const float start = level + before, leave = start + within, end = leave + after;
            const float exp_end = exp_level(end), overlap = __ldg(a.header->overlap + first + b);
            blurry += mean_exp(level, end, exp_from, exp_end);
            if (overlap > 0.0f)
                sharp += overlap * mean_exp(start, leave, exp_level(start), exp_level(leave));
            at_instant += before;
            level = end, exp_from = exp_end;
        }
    }
    const float log_sharp = total > 0.0f ? logf(sharp / total) : clamp_level(at_instant);
    const float ratio = log_sharp - logf(blurry / EGER_BINS);
    const auto channel = [](float r) {
        return fminf(fmaxf(r, 0.0f), MAX_LOG_RATIO) * LOG_RATIO_SCALE;
    };
    store8(to, {channel(ratio), channel(-ratio), 0, 0, 0, 0, 0, 0});
    store8(to + 8, {0, 0, 0, 0, 0, 0, 0, 0});
}

KERNEL(prior_half, 128)(PriorArgs a) { append_prior<half>(a); }
KERNEL(prior_single, 128)(PriorArgs a) { append_prior<float>(a); }

// Planes (98, height, width) that were computed elsewhere, as the same map. One thread per number.
template <class T>
INLINE void prior_planes_to_map(const VoxelArgs& a) {
    const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const size_t area = static_cast<size_t>(a.height) * a.width;
    const size_t c = i % PRIOR_CHANNELS, pixel = i / PRIOR_CHANNELS;
    if (pixel >= area) return;
    store(static_cast<T*>(a.map) + i, c < PRIOR_PLANES ? a.planes[c * area + pixel] : 0.0f);
}

KERNEL(voxels_prior_half, 256)(VoxelArgs a) { prior_planes_to_map<half>(a); }
KERNEL(voxels_prior_single, 256)(VoxelArgs a) { prior_planes_to_map<float>(a); }

// The convolutions of SAN that read and write half maps. Kernel, inputs and outputs are in the name.
#include "conv.cuh"

// Four warps, each 16 columns by 4 rows of at most 32 outputs: more outputs leave fewer rows to
// a block, 16 for up to 32, 8 for 64, 4 for 128. That keeps a lane at 64 sums, so that nothing
// spills and several blocks fit on a multiprocessor, and gives the small maps of the deep levels
// enough blocks to occupy a card.
#define CONV(name, k, cin, cout, source, post)                                        \
    KERNEL(name, 128)(ConvArgs a) {                                                   \
        constexpr int WN = cout < 32 ? 1 : cout / 32;                                 \
        convolve<k, cin, cout, source, post, 4, 4 / WN, WN, false>(a, {});            \
    }
// Followed by the fusion's first layer on these features, whose map is an output as well.
#define CONV_PROJECT(name, k, cin, cout)                                              \
    KERNEL(name, 128)(ProjectArgs a) {                                                \
        constexpr int WN = cout < 32 ? 1 : cout / 32;                                 \
        convolve<k, cin, cout, PLAIN, RELU, 4, 4 / WN, WN, true>(a.conv, a.next);     \
    }

// Encoders.
CONV(conv7_96_16_counts, 7, 96, 16, COUNTS, RELU)
CONV(conv7_96_16, 7, 96, 16, PLAIN, RELU)
CONV(conv7_112_16, 7, 112, 16, PLAIN, RELU)
CONV_PROJECT(conv7_16_16_project, 7, 16, 16)
CONV(conv5_16_32_pooled, 5, 16, 32, POOLED, RELU)
CONV_PROJECT(conv5_32_32_project, 5, 32, 32)
CONV(conv3_32_64_pooled, 3, 32, 64, POOLED, RELU)
CONV_PROJECT(conv3_64_64_project, 3, 64, 64)
CONV(conv3_64_128_pooled, 3, 64, 128, POOLED, RELU)
CONV_PROJECT(conv3_128_128_project, 3, 128, 128)
CONV(conv3_128_128_pooled, 3, 128, 128, POOLED, RELU)
// Decoder.
CONV(conv3_128_128_upsampled, 3, 128, 128, UPSAMPLED, RELU_ADD)
CONV(conv3_128_128, 3, 128, 128, PLAIN, RELU)
CONV(conv3_128_64_upsampled, 3, 128, 64, UPSAMPLED, RELU_ADD)
CONV(conv3_64_64, 3, 64, 64, PLAIN, RELU)
CONV(conv3_64_32_upsampled, 3, 64, 32, UPSAMPLED, RELU_ADD)
CONV(conv3_32_32, 3, 32, 32, PLAIN, RELU)
CONV(conv3_32_16_upsampled, 3, 32, 16, UPSAMPLED, RELU_ADD)
CONV(conv3_16_16, 3, 16, 16, PLAIN, RELU)

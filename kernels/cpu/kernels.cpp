#include "kernels.h"

#include "../san.cu"

namespace {
template <auto F>
struct Body;
template <class A, void (*F)(A)>
struct Body<F> {
    static constexpr size_t SIZE = sizeof(A);
    static void call(const void* arguments) { F(*static_cast<const A*>(arguments)); }
};
#define ENTRY(name) {#name, Body<&name>::call, Body<&name>::SIZE, name##_threads}
constexpr cpu::Kernel KERNELS[] = {
    ENTRY(eger_count), ENTRY(eger_mirror), ENTRY(voxels_half), ENTRY(voxels_single),
    ENTRY(prior_half), ENTRY(prior_single), ENTRY(voxels_prior_half), ENTRY(voxels_prior_single),
    ENTRY(conv7_96_16_counts), ENTRY(conv7_96_16), ENTRY(conv7_112_16), ENTRY(conv7_16_16_project),
    ENTRY(conv5_16_32_pooled),
    ENTRY(conv5_32_32_project), ENTRY(conv3_32_64_pooled), ENTRY(conv3_64_64), ENTRY(conv3_64_128_pooled),
    ENTRY(conv3_128_128), ENTRY(conv3_128_128_pooled), ENTRY(conv3_64_64_project),
    ENTRY(conv3_128_128_project), ENTRY(conv3_128_128_upsampled),
    ENTRY(conv3_128_64_upsampled), ENTRY(conv3_64_32_upsampled), ENTRY(conv3_32_32),
    ENTRY(conv3_32_16_upsampled), ENTRY(conv3_16_16), ENTRY(stem), ENTRY(head),
    ENTRY(finish_single), ENTRY(fuse_16), ENTRY(fuse_32), ENTRY(fuse_64), ENTRY(fuse_128),
    ENTRY(deform5_16), ENTRY(deform3_32), ENTRY(deform3_64), ENTRY(deform3_128),
    ENTRY(single_conv), ENTRY(single_pool), ENTRY(single_upsample), ENTRY(single_counts),
    ENTRY(single_image), ENTRY(single_fuse), ENTRY(single_deform),
};
}  // namespace

const cpu::Kernel* cpu::find(const char* name) {
    for (const Kernel& k : KERNELS)
        if (!strcmp(k.name, name)) return &k;
    return nullptr;
}

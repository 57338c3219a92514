// EGER: the host has turned every event into the place of its count. One thread per event, in as
// many rounds as are needed.

struct Target {
    overlap: array<vec4<f32>, 4>,
    total: f32,
    off_scale: f32,
    on_scale: f32,
    events: u32,
    rounding: f32,
    eight_bit: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> target_: Target;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) blocks: vec3<u32>,
) {
    for (var i = id.x; i < target_.events; i += blocks.x * 64u) {
        atomicAdd(&counts[keys[i]], 1u);
    }
}

// Planes as a map: (v - subtract) * factor. Missing channels of the last vector are zero. One thread
// per vector. BYTES: the planes are in eight bits, otherwise in single precision.

struct Planes {
    area: u32,
    channels: u32,
    subtract: f32,
    factor: f32,
}

@group(0) @binding(0) var<uniform> planes: Planes;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<Output>;

fn value(pixel: u32, channel: u32) -> f32 {
    if (channel >= planes.channels) {
        return 0.0;
    }
    let at = channel * planes.area + pixel;
    var number: f32;
    if (BYTES) {
        number = fraction_in(source[at / 4u], at);
    } else {
        number = bitcast<f32>(source[at]);
    }
    return (number - planes.subtract) * planes.factor;
}

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) blocks: vec3<u32>,
) {
    let i = id.y * blocks.x * 64u + id.x;
    let vectors = (planes.channels + 3u) / 4u;
    if (i >= planes.area * vectors) {
        return;
    }
    // Neighbouring threads read neighbouring pixels of a plane.
    let pixel = i % planes.area;
    let vector = i / planes.area;
    let c = 4u * vector;
    let v = vec4<f32>(
        value(pixel, c), value(pixel, c + 1u), value(pixel, c + 2u), value(pixel, c + 3u));
    result[pixel * vectors + vector] = narrow(v);
}

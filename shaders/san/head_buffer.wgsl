// The end of head.wgsl: the result in a buffer, plane by plane. PIXELS: whether it is the sharp image
// in eight bits, or both in single precision, the sharp image first.

@group(0) @binding(5) var<storage, read_write> result: array<u32>;

// Four neighbouring pixels of one channel.
fn put(place: u32, channel: u32, sums: vec4<f32>) {
    let area = layer.height * layer.width;
    let at = channel * area + place;
    let ratio = softplus(sums);
    let blurred =
        vec4<f32>(image_at(at), image_at(at + 1u), image_at(at + 2u), image_at(at + 3u));
    let sharp = ratio * blurred;
    if (PIXELS) {
        let byte = vec4<u32>(clamp(sharp, vec4<f32>(), vec4<f32>(1.0)) * 255.0 + target_.rounding);
        result[at / 4u] = byte.x | byte.y << 8u | byte.z << 16u | byte.w << 24u;
    } else {
        for (var i = 0u; i < 4u; i++) {
            result[at + i] = bitcast<u32>(sharp[i]);
            result[3u * area + at + i] = bitcast<u32>(ratio[i]);
        }
    }
}

fn finish(y: u32, x: u32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>) {
    let place = y * layer.width + x;
    put(place, 0u, vec4<f32>(s0.x, s1.x, s2.x, s3.x));
    put(place, 1u, vec4<f32>(s0.y, s1.y, s2.y, s3.y));
    put(place, 2u, vec4<f32>(s0.z, s1.z, s2.z, s3.z));
}

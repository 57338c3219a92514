// The end of head.wgsl: the result in a buffer, plane by plane. PIXELS: whether it is the sharp image
// in eight bits, or both in single precision, the sharp image first.

@group(0) @binding(5) var<storage, read_write> result: array<u32>;

// Four neighbouring pixels of one channel.
fn put(place: u32, channel: u32, sharp: vec4<f32>, ratio: vec4<f32>) {
    let area = layer.height * layer.width;
    let at = channel * area + place;
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

fn finish(y: u32, x: u32, p0: Pixel, p1: Pixel, p2: Pixel, p3: Pixel) {
    let place = y * layer.width + x;
    for (var c = 0u; c < 3u; c++) {
        put(
            place,
            c,
            vec4<f32>(p0.sharp[c], p1.sharp[c], p2.sharp[c], p3.sharp[c]),
            vec4<f32>(p0.ratio[c], p1.ratio[c], p2.ratio[c], p3.ratio[c]),
        );
    }
}

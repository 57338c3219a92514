// The end of head.wgsl: the sharp image in a texture of eight bits, which may be smaller than the
// padded image. GRAY: every colour is the mean of the three.

@group(0) @binding(5) var picture: texture_storage_2d<rgba8unorm, write>;

fn put(y: u32, x: u32, pixel: Pixel) {
    let size = textureDimensions(picture);
    if (x >= size.x || y >= size.y) {
        return;
    }
    var sharp = pixel.sharp;
    if (GRAY) {
        sharp = vec3<f32>((sharp.x + sharp.y + sharp.z) / 3.0);
    }
    // The same bytes as in head_buffer.wgsl: whole numbers of 255 survive the conversion.
    let byte = floor(clamp(sharp, vec3<f32>(), vec3<f32>(1.0)) * 255.0 + target_.rounding);
    textureStore(picture, vec2<u32>(x, y), vec4<f32>(byte.zyx / 255.0, 1.0));
}

fn finish(y: u32, x: u32, p0: Pixel, p1: Pixel, p2: Pixel, p3: Pixel) {
    put(y, x, p0);
    put(y, x + 1u, p1);
    put(y, x + 2u, p2);
    put(y, x + 3u, p3);
}

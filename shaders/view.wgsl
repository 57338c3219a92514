// Draws one view: a single picture, a wipe between two, or their difference, with optional event
// overlay and marked clipped pixels. One triangle covers the view's rectangle.

struct View {
    // Upper left corner and size of the view within the picture, as fractions of the picture.
    origin: vec2f,
    extent: vec2f,
    // Size of the view in screen pixels.
    pixels: vec2f,
    // Where the second picture of the wipe begins, as a fraction of the view's width.
    divider: f32,
    // Gain of the difference.
    gain: f32,
    mode: u32,
    flags: u32,
    // OpenGL requires a multiple of 16 bytes.
    unused: vec2u,
}

const SINGLE = 0u;
const WIPE = 1u;
const DIFFERENCE = 2u;

const EVENTS = 1u;
const NEAREST = 2u;
const CLIPPING = 4u;
// The render target converts linear values to sRGB, so that the shader must output linear ones.
const LINEAR_TARGET = 8u;
// The first or the second picture is gray: only its layer 0 is used.
const FIRST_GRAY = 16u;
const SECOND_GRAY = 32u;
// The first or the second picture has red, green and blue in its only layer.
const FIRST_PACKED = 64u;
const SECOND_PACKED = 128u;

@group(0) @binding(0) var<uniform> view: View;
// The only sampler: OpenGL allows one per texture. Single pixels are loaded instead.
@group(0) @binding(1) var smooth_sampler: sampler;
// Layers in blue, green, red order, a single gray layer, or one with red, green and blue.
@group(0) @binding(2) var first: texture_2d_array<f32>;
@group(0) @binding(3) var second: texture_2d_array<f32>;
// OFF and ON event counts per pixel, divided by 255.
@group(0) @binding(4) var events: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4f,
    @location(0) at: vec2f,
}

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let at = vec2f(f32((index << 1u) & 2u), f32(index & 2u));
    return Corner(vec4f(at.x * 2.0 - 1.0, 1.0 - at.y * 2.0, 0.0, 1.0), at);
}

// The pixel of an image of this size that contains a position.
fn texel(uv: vec2f, size: vec2u) -> vec2i {
    return clamp(vec2i(uv * vec2f(size)), vec2i(0), vec2i(size) - 1);
}

fn sample(picture: texture_2d_array<f32>, uv: vec2f, layer: i32) -> vec3f {
    if (view.flags & NEAREST) != 0u {
        return textureLoad(picture, texel(uv, textureDimensions(picture)), layer, 0).rgb;
    }
    // Minification: average four samples to reduce aliasing.
    let footprint = view.extent / view.pixels;
    let size = vec2f(textureDimensions(picture));
    if all(footprint * size <= vec2f(1.01)) {
        return textureSampleLevel(picture, smooth_sampler, uv, layer, 0.0).rgb;
    }
    let d = footprint * 0.25;
    return 0.25 * (textureSampleLevel(picture, smooth_sampler, uv + d, layer, 0.0).rgb
        + textureSampleLevel(picture, smooth_sampler, uv - d, layer, 0.0).rgb
        + textureSampleLevel(picture, smooth_sampler, uv + vec2f(d.x, -d.y), layer, 0.0).rgb
        + textureSampleLevel(picture, smooth_sampler, uv + vec2f(-d.x, d.y), layer, 0.0).rgb);
}

fn plane(picture: texture_2d_array<f32>, uv: vec2f, layer: i32) -> f32 {
    return sample(picture, uv, layer).r;
}

fn colour(picture: texture_2d_array<f32>, uv: vec2f, gray: u32, packed: u32) -> vec3f {
    if (view.flags & packed) != 0u {
        return sample(picture, uv, 0);
    }
    if (view.flags & gray) != 0u {
        return vec3f(plane(picture, uv, 0));
    }
    return vec3f(plane(picture, uv, 2), plane(picture, uv, 1), plane(picture, uv, 0));
}

// Marks saturated pixels with red and black ones with blue diagonal stripes.
fn clipped(value: vec3f, position: vec2f) -> vec3f {
    let stripe = (i32(position.x + position.y) / 4) % 2 == 0;
    if stripe && max(value.r, max(value.g, value.b)) > 254.5 / 255.0 {
        return vec3f(1.0, 0.15, 0.1);
    }
    if stripe && min(value.r, min(value.g, value.b)) < 0.5 / 255.0 {
        return vec3f(0.15, 0.35, 1.0);
    }
    return value;
}

fn with_events(under: vec3f, uv: vec2f) -> vec3f {
    let counts = textureLoad(events, texel(uv, textureDimensions(events)), 0).rg * 255.0;
    // A single event is visible; five reach the maximum opacity.
    let strength = min((counts.r + counts.g) * 0.18, 0.8);
    let paint = select(vec3f(0.24, 0.35, 1.0), vec3f(1.0, 0.27, 0.22), counts.g >= counts.r);
    return mix(under, paint, strength);
}

@fragment
fn pixel(in: Corner) -> @location(0) vec4f {
    let uv = view.origin + view.extent * in.at;
    if any(uv < vec2f(0.0)) || any(uv > vec2f(1.0)) {
        discard;
    }
    var out: vec3f;
    if view.mode == WIPE && in.at.x >= view.divider {
        out = colour(second, uv, SECOND_GRAY, SECOND_PACKED);
    } else {
        out = colour(first, uv, FIRST_GRAY, FIRST_PACKED);
    }
    if (view.flags & CLIPPING) != 0u && view.mode != DIFFERENCE {
        out = clipped(out, in.position.xy);
    }
    if view.mode == DIFFERENCE {
        out = clamp(vec3f(0.5) + view.gain * (colour(second, uv, SECOND_GRAY, SECOND_PACKED) - out), vec3f(0.0), vec3f(1.0));
    }
    if (view.flags & EVENTS) != 0u {
        out = with_events(out, uv);
    }
    if (view.flags & LINEAR_TARGET) != 0u {
        let low = out / 12.92;
        let high = pow((out + 0.055) / 1.055, vec3f(2.4));
        out = select(high, low, out <= vec3f(0.04045));
    }
    return vec4f(out, 1.0);
}

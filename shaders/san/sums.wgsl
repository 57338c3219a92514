// What a thread of conv_plain.wgsl, deform.wgsl and fuse.wgsl adds up: four pixels (0 to 3) and eight
// outputs (a and b). The host puts it in front of them, and place_own.wgsl or place_subgroup.wgsl in
// front of it. SHARING: neighbouring threads that add up the same outputs, so read the same weights.

struct Sums {
    a0: vec4<f32>,
    a1: vec4<f32>,
    a2: vec4<f32>,
    a3: vec4<f32>,
    b0: vec4<f32>,
    b1: vec4<f32>,
    b2: vec4<f32>,
    b3: vec4<f32>,
}

// The biases of all pixels; the first vector of the eight outputs is at `first`.
fn biases(first: u32) -> Sums {
    let a = bias[first];
    let b = bias[first + 1u];
    return Sums(a, a, a, a, b, b, b, b);
}

// Adds the products of two neighbouring matrices with four pixels.
fn add_products(
    sums: ptr<function, Sums>,
    matrix: u32,
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
) {
    let place = place_of(matrix);
    let a = weights[place];
    let b = weights[place + 1u];
    (*sums).a0 += a * v0;
    (*sums).b0 += b * v0;
    (*sums).a1 += a * v1;
    (*sums).b1 += b * v1;
    (*sums).a2 += a * v2;
    (*sums).b2 += b * v2;
    (*sums).a3 += a * v3;
    (*sums).b3 += b * v3;
}

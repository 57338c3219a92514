// Before every shader of this folder. The host puts in front of it what depends on the layer:
// `Map` and `Output`, the number formats of maps that are read and written (vec4<f16> or
// vec4<f32>), LIMIT, the largest number that `Output` holds, and the constants in capitals.
//
// Feature maps are channels last: a pixel is its channels in vectors of four. Arithmetic is in
// single precision, independent of how maps are stored. A matrix of weights holds four inputs (its
// columns) and four outputs (its rows).

fn narrow(v: vec4<f32>) -> Output {
    return Output(clamp(v, vec4<f32>(-LIMIT), vec4<f32>(LIMIT)));
}

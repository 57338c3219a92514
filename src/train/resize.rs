//! Bicubic reduction as in the published training: PyTorch's `interpolate` with a = -0.75, pixel
//! centres aligned, no low-pass filter.

/// Four samples and their weights for every output along one axis.
pub(super) fn taps(from: usize, to: usize) -> Vec<[(usize, f32); 4]> {
    const A: f64 = -0.75;
    let weight = |d: f64| {
        let d = d.abs();
        if d <= 1.0 {
            ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0
        } else if d < 2.0 {
            ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A
        } else {
            0.0
        }
    };
    let ratio = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let at = (i as f64 + 0.5) * ratio - 0.5;
            std::array::from_fn(|k| {
                let sample = at.floor() + k as f64 - 1.0;
                let index = (sample.max(0.0) as usize).min(from.saturating_sub(1));
                (index, weight(at - sample) as f32)
            })
        })
        .collect()
}

/// Resizes every plane of `height x width` values to `to`, rows and columns.
pub fn bicubic(planes: &[f32], (height, width): (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let (rows, columns) = (taps(height, to.0), taps(width, to.1));
    let mut out = Vec::with_capacity(planes.len() / (height * width).max(1) * to.0 * to.1);
    let mut blend = vec![0.0_f32; width];
    for plane in planes.chunks_exact((height * width).max(1)) {
        for row in &rows {
            blend.fill(0.0);
            for (index, weight) in row {
                let line = plane.get(index * width..).unwrap_or_default();
                blend.iter_mut().zip(line).for_each(|(b, v)| *b += weight * v);
            }
            let at = |(i, weight): &(usize, f32)| weight * blend.get(*i).copied().unwrap_or(0.0);
            out.extend(columns.iter().map(|column| column.iter().map(at).sum::<f32>()));
        }
    }
    out
}

//! What the fusion reads around a pixel: along each axis, a sample of both maps on either side.

/// Positions that one image pixel reads from, at one corner of one axis.
#[derive(Clone, Copy)]
pub(crate) struct Corner {
    pub(crate) event: usize,
    pub(crate) image: usize,
    /// Distance from the event sample's centre to the pixel's, in half event pixels.
    pub(crate) relative: f32,
}

/// The corner of every image pixel along one axis, on side -1 or +1.
pub(crate) fn corners(image: usize, event: usize, side: f64) -> Vec<Corner> {
    let (ni, ne) = (image as f64, event as f64);
    let nearest = |q: f64, n: f64, last: usize| {
        ((((q + 1.0) * n - 1.0) / 2.0).round_ties_even().max(0.0) as usize).min(last)
    };
    (0..image)
        .map(|i| {
            let centre = -1.0 + (2.0 * i as f64 + 1.0) / ni;
            let q = (centre + side / ne + 1e-6).clamp(-1.0 + 1e-6, 1.0 - 1e-6);
            let e = nearest(q, ne, event - 1);
            Corner {
                event: e,
                image: nearest(q, ni, image - 1),
                relative: ((centre - (-1.0 + (2.0 * e as f64 + 1.0) / ne)) * ne) as f32,
            }
        })
        .collect()
}

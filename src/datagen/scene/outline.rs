//! Outlines of random objects.

use crate::random::KeyedRng;

/// The outline of an object: the region where a smooth random field is high.
pub(super) struct Outline {
    /// Field values on a square grid, row by row.
    field: Vec<f64>,
    side: usize,
    threshold: f64,
    /// How steeply coverage rises from 0 to 1 with the field.
    steepness: f64,
}

impl Outline {
    /// An outline that covers about the given share of the texture.
    pub(super) fn random(share: f64, random: &mut KeyedRng) -> Self {
        let side = [3, 4, 6][random.below(3)];
        let field = (0..side * side).map(|_| random.normal()).collect();
        let mut outline = Self { field, side, threshold: 0.0, steepness: random.range(20.0, 60.0) };
        let place = |i: usize| ((i % 20) as f64 / 19.0, (i / 20) as f64 / 19.0);
        let mut values: Vec<f64> = (0..400).map(place).map(|(x, y)| outline.height(x, y)).collect();
        values.sort_by(f64::total_cmp);
        outline.threshold = values[(((1.0 - share) * 399.0) as usize).min(399)];
        outline
    }

    /// The field at a position in `[0, 1]`, interpolated smoothly between the grid values.
    fn height(&self, x: f64, y: f64) -> f64 {
        let cell = |v: f64| {
            let at = v.clamp(0.0, 1.0) * (self.side - 1) as f64;
            let low = (at as usize).min(self.side - 2);
            let t = at - low as f64;
            (low, t * t * (3.0 - 2.0 * t))
        };
        let ((column, fx), (row, fy)) = (cell(x), cell(y));
        let at = |dx: usize, dy: usize| self.field[(row + dy) * self.side + column + dx];
        let mix = |a: f64, b: f64, f: f64| a + (b - a) * f;
        mix(mix(at(0, 0), at(1, 0), fx), mix(at(0, 1), at(1, 1), fx), fy)
    }

    /// How much of a position in `[0, 1]` the object covers.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let above = self.height(f64::from(x), f64::from(y)) - self.threshold;
        (1.0 / (1.0 + (-self.steepness * above).exp())) as f32
    }
}

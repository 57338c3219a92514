//! The grids for frames and events, and the part of the field of view that they cover.

use super::{AlignError, Side, Warp};
use crate::image::Size;

/// Frame and event grids whose sizes have the exact ratio `ratio` to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Target {
    /// Size of the frames.
    image: Side,
    /// Frame pixels per event cell, along each axis.
    ratio: usize,
}

impl Target {
    /// 1152x768 frames and 288x192 events, as in MS-RBD.
    pub const MS_RBD: Self = Self { image: Side { width: 1152, height: 768 }, ratio: 4 };

    /// Frames of this size, and events at one `ratio`-th of it. `None` if the division is not
    /// exact, or if a side exceeds 8192 pixels.
    pub fn new(image: Size, ratio: usize) -> Option<Self> {
        let exact = |n: usize| n > 0 && n <= 8192 && n.is_multiple_of(ratio.max(1));
        (ratio > 0 && exact(image.width) && exact(image.height))
            .then(|| Self { image: image.into(), ratio })
    }

    /// Size of the frames.
    pub fn image(self) -> Size {
        self.image.into()
    }

    /// Size of the event grid.
    pub fn sensor(self) -> Size {
        let ratio = self.ratio.max(1);
        Size::new(self.image.width / ratio, self.image.height / ratio)
    }

    /// Frame pixels per event cell, along each axis.
    pub fn ratio(self) -> usize {
        self.ratio.max(1)
    }

    /// Whether the values satisfy the conditions of [`Self::new`]; files may hold any values.
    pub(super) fn is_valid(self) -> bool {
        Self::new(self.image(), self.ratio).is_some()
    }
}

/// An axis-aligned rectangle in the frame camera's image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Crop {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Crop {
    fn around((cx, cy): (f64, f64), width: f64, height: f64) -> Self {
        Self { x: cx - width / 2.0, y: cy - height / 2.0, width, height }
    }

    /// Position relative to the rectangle, as fractions of its width and height.
    pub fn share(&self, (x, y): (f64, f64)) -> (f64, f64) {
        ((x - self.x) / self.width, (y - self.y) / self.height)
    }

    /// Points along its border.
    fn edge(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        const STEPS: usize = 16;
        (0..4 * STEPS).map(move |i| {
            let s = (i % STEPS) as f64 / STEPS as f64;
            let (u, v) = match i / STEPS {
                0 => (s, 0.0),
                1 => (1.0, s),
                2 => (1.0 - s, 1.0),
                _ => (0.0, 1.0 - s),
            };
            (self.x + u * self.width, self.y + v * self.height)
        })
    }
}

/// Default ratio of width to height, as in MS-RBD.
const ASPECT: f64 = 1.5;
/// Sides of event grids are multiples of this, so that frames can be restored without padding.
const STEP: usize = 16;
/// Smallest useful width of an event grid.
const LEAST: usize = 32;
/// Factor by which an event grid may be finer than the event camera without many empty cells.
const FINER: f64 = 1.04;

/// Selects the largest common field of view, and the grids for it.
pub(super) fn choose(warp: &Warp, wanted: Option<Target>) -> Result<(Crop, Target), AlignError> {
    let outline = outline(warp);
    let aspect = wanted.map_or(ASPECT, |t| t.image.width as f64 / t.image.height.max(1) as f64);
    let crop = largest(warp, &outline, aspect);
    let middle = (warp.events.width as f64 / 2.0, warp.events.height as f64 / 2.0);
    let scale = warp.scale(middle).unwrap_or(0.0);
    let (Some(crop), true) = (crop, scale > 0.0) else {
        return Err(AlignError::NoOverlap { seen: 0 });
    };
    // Width of the common field of view, in pixels of the event camera.
    let seen = crop.width / scale;
    if let Some(target) = wanted {
        return Ok((crop, target));
    }
    let ms_rbd = Target::MS_RBD;
    if ms_rbd.sensor().width as f64 <= seen * FINER
        && ms_rbd.image().width as f64 <= crop.width * FINER
    {
        return Ok((crop, ms_rbd));
    }
    // An aspect of 3:2 in whole steps: 48x32 cells, 96x64 cells, and so on.
    let steps = (seen / (3 * STEP) as f64).floor() as usize;
    let sensor = Size::new(steps * 3 * STEP, steps * 2 * STEP);
    if sensor.width < LEAST {
        return Err(AlignError::NoOverlap { seen: seen as usize });
    }
    let ratio = ((crop.width / sensor.width as f64 * FINER).floor() as usize).clamp(1, 8);
    let image = Size::new(sensor.width * ratio, sensor.height * ratio);
    let target = Target::new(image, ratio).ok_or(AlignError::NoOverlap { seen: seen as usize })?;
    Ok((crop, target))
}

/// The border of the event camera's image, mapped to the frame camera's image.
fn outline(warp: &Warp) -> Vec<(f64, f64)> {
    let whole =
        Crop { x: 0.0, y: 0.0, width: warp.events.width as f64, height: warp.events.height as f64 };
    whole.edge().filter_map(|place| warp.map(place)).collect()
}

/// Whether a point is inside a closed outline.
fn within(outline: &[(f64, f64)], (x, y): (f64, f64)) -> bool {
    let mut inside = false;
    let next = outline.iter().cycle().skip(1);
    for (a, b) in outline.iter().zip(next) {
        if (a.1 > y) != (b.1 > y) && x < a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0) {
            inside = !inside;
        }
    }
    inside
}

/// The largest rectangle with this aspect ratio that both cameras see.
fn largest(warp: &Warp, outline: &[(f64, f64)], aspect: f64) -> Option<Crop> {
    let (width, height) = (warp.frames.width as f64, warp.frames.height as f64);
    let fits = |crop: &Crop| {
        crop.edge().all(|(x, y)| {
            (0.0..=width).contains(&x) && (0.0..=height).contains(&y) && within(outline, (x, y))
        })
    };
    let at = |middle: (f64, f64)| -> f64 {
        let (mut low, mut high) = (0.0, width);
        for _ in 0..14 {
            let tried = (low + high) / 2.0;
            match fits(&Crop::around(middle, tried, tried / aspect)) {
                true => low = tried,
                false => high = tried,
            }
        }
        low
    };
    let (mut best, mut step) = (((width / 2.0, height / 2.0), 0.0), (width / 2.0, height / 2.0));
    // A grid over the whole image, then finer grids around the best position.
    for _ in 0..4 {
        let middle = best.0;
        for i in -4..=4 {
            for j in -4..=4 {
                let x = middle.0 + f64::from(i) * step.0 / 4.0;
                let y = middle.1 + f64::from(j) * step.1 / 4.0;
                let found = at((x, y));
                if found > best.1 {
                    best = ((x, y), found);
                }
            }
        }
        step = (step.0 / 4.0, step.1 / 4.0);
    }
    let (middle, found) = best;
    (found > 1.0).then(|| Crop::around(middle, found, found / aspect))
}

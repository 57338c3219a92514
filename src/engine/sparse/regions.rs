//! Finds the rectangles of an image in which something moved.

use crate::event::Event;
use crate::image::Size;
use crate::time::TimeRange;

/// Distance in image pixels over which a region is extended around its active cells. The network's
/// receptive field is larger, but what lies further away has little effect: with 48 pixels, moving
/// parts agree with the whole computation to more than 90 dB (`gem-live bench --sparse`).
const MARGIN_PX: usize = 48;
/// Width in image pixels of the transition at a region's border, the outer part of the margin.
pub(super) const BLEND_PX: usize = 16;
/// Largest side of a cell in image pixels.
const MAX_CELL_PX: usize = 128;
/// Largest number of regions: every one costs its margin.
const MAX_REGIONS: usize = 4;
/// Largest share of the image that the regions may cover; above it, computing the whole image is as
/// fast.
pub(super) const MAX_SHARE: f64 = 0.7;
/// Smallest side of a region on the event grid, which is what the network needs.
const MIN_EVENT_SIDE: usize = 16;

/// A rectangle of the image and the same rectangle of the event grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// Left upper corner in image pixels.
    pub(super) at: (usize, usize),
    /// Size in image pixels, a multiple of 16.
    pub(super) size: Size,
    /// Left upper corner in event pixels.
    pub(super) event_at: (usize, usize),
    /// Size in event pixels.
    pub(super) event_size: Size,
}

/// Half-open ranges of cells: columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) from: (usize, usize),
    pub(super) to: (usize, usize),
}

impl Cells {
    fn area(self) -> usize {
        (self.to.0 - self.from.0) * (self.to.1 - self.from.1)
    }

    fn overlaps(self, other: Self) -> bool {
        self.from.0 < other.to.0
            && other.from.0 < self.to.0
            && self.from.1 < other.to.1
            && other.from.1 < self.to.1
    }

    /// Columns and rows.
    pub(super) fn size(self) -> [usize; 2] {
        [self.to.0 - self.from.0, self.to.1 - self.from.1]
    }

    /// The smallest box around both.
    pub(super) fn union(self, other: Self) -> Self {
        Self {
            from: (self.from.0.min(other.from.0), self.from.1.min(other.from.1)),
            to: (self.to.0.max(other.to.0), self.to.1.max(other.to.1)),
        }
    }
}

/// Cells that cover whole pixels of the image and of the event grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// A cell in image pixels, both sides multiples of 16.
    cell: Size,
    /// A cell in event pixels.
    event_cell: Size,
    columns: usize,
    rows: usize,
}

impl Grid {
    /// The finest grid for an image and its event grid; `None` if the ratio of their sides has no
    /// cells of at most 128 pixels.
    pub(super) fn new(image: Size, events: Size) -> Option<Self> {
        let side = |image: usize, events: usize| {
            let cells = (16..=MAX_CELL_PX.min(image)).step_by(16);
            let whole = |c: &usize| {
                image.is_multiple_of(*c)
                    && (c * events).is_multiple_of(image)
                    && c * events >= image
            };
            cells.clone().find(whole).map(|c| (c, c * events / image))
        };
        if image.area() == 0 {
            return None;
        }
        let (width, event_width) = side(image.width, events.width)?;
        let (height, event_height) = side(image.height, events.height)?;
        Some(Self {
            cell: Size::new(width, height),
            event_cell: Size::new(event_width, event_height),
            columns: image.width / width,
            rows: image.height / height,
        })
    }

    /// All cells.
    pub(super) fn cells(&self) -> Cells {
        Cells { from: (0, 0), to: (self.columns, self.rows) }
    }

    /// The regions in which something moved: see [`Grid::moved`].
    pub(super) fn regions(
        &self,
        events: &[Event],
        exposure: TimeRange,
        scratch: &mut Vec<u32>,
    ) -> Option<Vec<Region>> {
        let moved = self.moved(events, exposure, scratch)?;
        Some(moved.into_iter().map(|b| self.region(b)).collect())
    }

    /// The cells in which something moved, with margins: disjoint boxes, from top to bottom. `None`
    /// if they cover so much of the image that it should be computed as a whole.
    pub(super) fn moved(
        &self,
        events: &[Event],
        exposure: TimeRange,
        scratch: &mut Vec<u32>,
    ) -> Option<Vec<Cells>> {
        let counts = scratch;
        counts.clear();
        counts.resize(self.columns * self.rows, 0);
        for event in events {
            let t_us = event.t_us as f64;
            if t_us < exposure.start_us || t_us >= exposure.end_us {
                continue;
            }
            let column = usize::from(event.x) / self.event_cell.width;
            let row = usize::from(event.y) / self.event_cell.height;
            if column >= self.columns {
                continue;
            }
            if let Some(count) = counts.get_mut(row * self.columns + column) {
                *count = count.saturating_add(1);
            }
        }
        let limit = noise_limit(counts);
        let mut boxes: Vec<Cells> = Vec::new();
        for (i, _) in counts.iter().enumerate().filter(|(_, n)| f64::from(**n) > limit) {
            insert(&mut boxes, self.around(i % self.columns, i / self.columns));
        }
        while boxes.len() > MAX_REGIONS {
            merge_cheapest(&mut boxes);
        }
        let boxes: Vec<Cells> = boxes.into_iter().map(|b| self.large_enough(b)).collect();
        let mut disjoint = Vec::new();
        boxes.into_iter().for_each(|b| insert(&mut disjoint, b));
        let covered: usize = disjoint.iter().map(|b| b.area()).sum();
        if covered as f64 > MAX_SHARE * (self.columns * self.rows) as f64 {
            return None;
        }
        disjoint.sort_by_key(|b| (b.from.1, b.from.0));
        Some(disjoint)
    }

    /// A cell with its margin.
    fn around(&self, column: usize, row: usize) -> Cells {
        let (x, y) = (MARGIN_PX.div_ceil(self.cell.width), MARGIN_PX.div_ceil(self.cell.height));
        Cells {
            from: (column.saturating_sub(x), row.saturating_sub(y)),
            to: ((column + 1 + x).min(self.columns), (row + 1 + y).min(self.rows)),
        }
    }

    /// Extends a box to the smallest side that the network can process.
    fn large_enough(&self, b: Cells) -> Cells {
        let extend = |from: usize, to: usize, all: usize, cell: usize| {
            let cells = MIN_EVENT_SIDE.div_ceil(cell).min(all);
            let from = from.min(all - cells);
            (from, to.max(from + cells))
        };
        let (x0, x1) = extend(b.from.0, b.to.0, self.columns, self.event_cell.width);
        let (y0, y1) = extend(b.from.1, b.to.1, self.rows, self.event_cell.height);
        Cells { from: (x0, y0), to: (x1, y1) }
    }

    /// The pixels of a box.
    pub(super) fn region(&self, b: Cells) -> Region {
        let scaled = |cell: Size, (x, y): (usize, usize)| (x * cell.width, y * cell.height);
        let size = (b.to.0 - b.from.0, b.to.1 - b.from.1);
        let of = |cell: Size| Size::new(size.0 * cell.width, size.1 * cell.height);
        Region {
            at: scaled(self.cell, b.from),
            size: of(self.cell),
            event_at: scaled(self.event_cell, b.from),
            event_size: of(self.event_cell),
        }
    }
}

/// The number of events in a cell that noise alone does not exceed. Noise is a Poisson process, and
/// most cells see no motion: the share of empty cells, or where there are hardly any the median,
/// gives the mean. Four standard deviations are added, and two events for sensors without noise.
fn noise_limit(counts: &[u32]) -> f64 {
    /// Below this share of empty cells, the median is the better estimate.
    const MIN_EMPTY: f64 = 0.05;
    if counts.is_empty() {
        return 0.0;
    }
    let empty = counts.iter().filter(|n| **n == 0).count() as f64 / counts.len() as f64;
    let mean = if empty > MIN_EMPTY {
        -empty.ln()
    } else {
        let mut sorted = counts.to_vec();
        let middle = sorted.len() / 2;
        f64::from(*sorted.select_nth_unstable(middle).1)
    };
    mean + 4.0 * mean.sqrt() + 2.0
}

/// Joins the two boxes whose union adds the least area.
fn merge_cheapest(boxes: &mut Vec<Cells>) {
    let mut best: Option<(usize, usize, usize)> = None;
    for (j, b) in boxes.iter().enumerate() {
        for (i, a) in boxes.iter().take(j).enumerate() {
            let added = a.union(*b).area().saturating_sub(a.area() + b.area());
            if best.is_none_or(|(least, ..)| added < least) {
                best = Some((added, i, j));
            }
        }
    }
    let Some((_, i, j)) = best else { return };
    let b = boxes.swap_remove(j);
    let a = boxes.swap_remove(i);
    // The union may overlap further boxes.
    insert(boxes, a.union(b));
}

/// Adds a box to disjoint ones; those that it overlaps become one with it.
fn insert(boxes: &mut Vec<Cells>, mut new: Cells) {
    while let Some(i) = boxes.iter().position(|b| b.overlaps(new)) {
        new = new.union(boxes.swap_remove(i));
    }
    boxes.push(new);
}

#[cfg(test)]
mod tests;

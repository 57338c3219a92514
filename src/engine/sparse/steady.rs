//! One rectangle for engines that prepare themselves for every size: its place changes with each
//! exposure, its size seldom.

use super::regions::{Cells, Grid, MAX_SHARE, Region};

/// Exposures in a row that need at most half of the rectangle before it becomes smaller, at first. An
/// engine takes as long to prepare itself as for many exposures.
const FIRST_PATIENCE: usize = 16;
/// The same after motion that comes and goes.
const MAX_PATIENCE: usize = 4096;

/// The size of the rectangle, and what it depends on.
#[derive(Debug, Default)]
pub(super) struct Steady {
    grid: Option<Grid>,
    /// Columns and rows; `None` for the whole image.
    size: Option<[usize; 2]>,
    /// Exposures in a row that needed at most half, and what the largest of them needed.
    small: usize,
    largest: [usize; 2],
    patience: usize,
}

impl Steady {
    /// The region to compute, none if nothing moved, for what moved; `None` for the whole image.
    pub(super) fn regions(&mut self, grid: Grid, moved: Option<Vec<Cells>>) -> Option<Vec<Region>> {
        if self.grid != Some(grid) {
            let patience = FIRST_PATIENCE;
            *self = Self { grid: Some(grid), patience, ..Self::default() };
        }
        let all = grid.cells();
        let needed = match moved {
            None => all,
            Some(boxes) => match boxes.into_iter().reduce(Cells::union) {
                None => return Some(Vec::new()),
                Some(both) => both,
            },
        };
        self.adapt(needed.size(), all.size());
        let size = self.size?;
        Some(vec![grid.region(placed(needed, size, all.size()))])
    }

    /// Changes the size if it is too small, or has been too large for long.
    fn adapt(&mut self, needed: [usize; 2], all: [usize; 2]) {
        let present = self.size.unwrap_or(all);
        if needed[0] > present[0] || needed[1] > present[1] {
            // A side that suffices stays: motion along both axes in turn would change it each time.
            let side = |i: usize| match needed[i] > present[i] {
                true => with_room(needed[i], all[i]),
                false => present[i],
            };
            self.size = worthwhile([0, 1].map(side), all);
            (self.small, self.largest) = (0, [0; 2]);
            // It became smaller too early.
            self.patience = (2 * self.patience).min(MAX_PATIENCE);
        } else if 2 * area(needed) <= area(present) {
            self.small += 1;
            self.largest = [0, 1].map(|i| needed[i].max(self.largest[i]));
            if self.small >= self.patience {
                let side = |i: usize| with_room(self.largest[i], all[i]).min(present[i]);
                self.size = worthwhile([0, 1].map(side), all);
                (self.small, self.largest) = (0, [0; 2]);
            }
        } else {
            (self.small, self.largest) = (0, [0; 2]);
        }
    }
}

fn area(size: [usize; 2]) -> usize {
    size[0] * size[1]
}

/// A quarter more of a side, so that it suffices for a while.
fn with_room(needed: usize, all: usize) -> usize {
    (5 * needed).div_ceil(4).min(all)
}

/// `None` if the whole image is as fast.
fn worthwhile(size: [usize; 2], all: [usize; 2]) -> Option<[usize; 2]> {
    (area(size) as f64 <= MAX_SHARE * area(all) as f64).then_some(size)
}

/// A box of that size around what is needed, within the image.
fn placed(needed: Cells, size: [usize; 2], all: [usize; 2]) -> Cells {
    let from = |i: usize, from: usize| {
        let room = (size[i] - needed.size()[i]) / 2;
        from.saturating_sub(room).min(all[i] - size[i])
    };
    let from = (from(0, needed.from.0), from(1, needed.from.1));
    Cells { from, to: (from.0 + size[0], from.1 + size[1]) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::image::Size;

    fn grid() -> Grid {
        Grid::new(Size::new(640, 320), Size::new(640, 320)).unwrap()
    }

    fn moved(x: usize, y: usize, width: usize, height: usize) -> Option<Vec<Cells>> {
        Some(vec![Cells { from: (x, y), to: (x + width, y + height) }])
    }

    /// The sides of the region in pixels after so many exposures of the same motion.
    fn after(steady: &mut Steady, count: usize, what: &Option<Vec<Cells>>) -> Option<Size> {
        let mut last = None;
        for _ in 0..count {
            last = steady.regions(grid(), what.clone()).map(|all| all[0].size);
        }
        last
    }

    #[test]
    fn the_size_shrinks_late_and_later_the_more_often_it_was_too_early() {
        let mut steady = Steady::default();
        let small = moved(3, 2, 8, 8);
        assert_eq!(
            after(&mut steady, FIRST_PATIENCE - 1, &small),
            None,
            "the whole image at first"
        );
        assert_eq!(after(&mut steady, 1, &small), Some(Size::new(160, 160)));
        // A little more fits; much more does not.
        assert_eq!(after(&mut steady, 1, &moved(30, 0, 10, 10)), Some(Size::new(160, 160)));
        assert_eq!(after(&mut steady, 1, &moved(0, 0, 16, 12)), Some(Size::new(320, 240)));
        assert_eq!(after(&mut steady, 1, &None), None, "everything moves");
        // Twice it was too small.
        assert_eq!(after(&mut steady, 4 * FIRST_PATIENCE - 1, &small), None);
        assert_eq!(after(&mut steady, 1, &small), Some(Size::new(160, 160)));
        // A larger one in between starts the count again.
        assert_eq!(after(&mut steady, 1, &None), None);
        assert_eq!(after(&mut steady, 8 * FIRST_PATIENCE - 1, &small), None);
        assert_eq!(after(&mut steady, 1, &moved(0, 0, 40, 15)), None);
        assert_eq!(after(&mut steady, 8 * FIRST_PATIENCE - 1, &small), None);
        assert_eq!(after(&mut steady, 1, &small), Some(Size::new(160, 160)));
    }

    #[test]
    fn motion_along_both_axes_in_turn_does_not_change_the_size_each_time() {
        let mut steady = Steady::default();
        let (wide, tall) = (moved(0, 0, 20, 4), moved(0, 0, 4, 12));
        assert_eq!(after(&mut steady, FIRST_PATIENCE, &wide), Some(Size::new(400, 80)));
        for _ in 0..4 * FIRST_PATIENCE {
            assert_eq!(after(&mut steady, 1, &tall), Some(Size::new(400, 240)));
            assert_eq!(after(&mut steady, 1, &wide), Some(Size::new(400, 240)));
        }
        // Small parts that need both whole sides do not make it larger.
        for _ in 0..4 * FIRST_PATIENCE {
            assert_eq!(after(&mut steady, 1, &moved(0, 0, 25, 2)), Some(Size::new(400, 240)));
            assert_eq!(after(&mut steady, 1, &moved(0, 0, 2, 15)), Some(Size::new(400, 240)));
        }
    }

    #[test]
    fn the_region_holds_what_moved_and_lies_within_the_image() {
        let mut steady = Steady::default();
        after(&mut steady, FIRST_PATIENCE, &moved(3, 2, 8, 8));
        for (x, y) in [(0, 0), (1, 12), (20, 6), (32, 12), (32, 0), (31, 11)] {
            let all = steady.regions(grid(), moved(x, y, 8, 8)).unwrap();
            let [region] = all.as_slice() else { panic!("{all:?}") };
            assert_eq!(region.size, Size::new(160, 160));
            let ((left, top), side) = (region.at, 160);
            assert!(left <= 16 * x && 16 * (x + 8) <= left + side && left + side <= 640);
            assert!(top <= 16 * y && 16 * (y + 8) <= top + side && top + side <= 320);
        }
        assert_eq!(steady.regions(grid(), Some(Vec::new())), Some(Vec::new()), "nothing moved");
        // Two places are one rectangle.
        let two = [moved(0, 0, 4, 4), moved(6, 6, 4, 4)].into_iter().flatten().flatten().collect();
        assert_eq!(steady.regions(grid(), Some(two)).unwrap().len(), 1);
    }
}

//! Chessboards and their detection in images.

mod links;

use super::corners::{Corner, find, refine};
use super::gray::Gray;
use crate::image::{ImageU8, Size};
use links::{link, spread};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A chessboard, described by its number of inner corners, where four squares meet.
///
/// One of the two numbers is odd and the other is even. Such a board has no ambiguous orientation:
/// two images of it can be matched in only one way, whether mirrored or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Board {
    columns: usize,
    rows: usize,
}

impl Default for Board {
    /// A board of ten by seven squares.
    fn default() -> Self {
        Self { columns: 9, rows: 6 }
    }
}

impl Board {
    /// A board with this number of inner corners. `None` unless one number is odd, the other is
    /// even, and both are between 3 and 40.
    pub fn new(columns: usize, rows: usize) -> Option<Self> {
        let in_range = |n: usize| (3..=40).contains(&n);
        let (columns, rows) = (columns.max(rows), columns.min(rows));
        let fits = in_range(columns) && in_range(rows) && columns % 2 != rows % 2;
        fits.then_some(Self { columns, rows })
    }

    /// Inner corners along the longer side.
    pub fn columns(self) -> usize {
        self.columns
    }

    /// Inner corners along the shorter side.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Total number of inner corners.
    pub fn corners(self) -> usize {
        self.columns * self.rows
    }

    /// An image of the board for full-screen display, on white, with the largest squares that fit.
    pub fn paint(self, size: Size) -> ImageU8 {
        let mut picture = ImageU8::filled(false, size, 255);
        let (across, down) = (self.columns + 1, self.rows + 1);
        let size = picture.size();
        // Half a square of margin, so that the outer squares border on white.
        let side = (size.width / (across + 1)).min(size.height / (down + 1)).max(1);
        let (left, top) = (
            (size.width.saturating_sub(across * side)) / 2,
            (size.height.saturating_sub(down * side)) / 2,
        );
        for (i, v) in picture.data_mut().iter_mut().enumerate() {
            let (x, y) = (i % size.width, i / size.width);
            let (Some(x), Some(y)) = (x.checked_sub(left), y.checked_sub(top)) else { continue };
            let (column, row) = (x / side, y / side);
            if column < across && row < down && (column + row).is_multiple_of(2) {
                *v = 0;
            }
        }
        picture
    }
}

impl FromStr for Board {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once('x');
        let sides = sides.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        sides.and_then(|(a, b)| Self::new(a, b)).ok_or_else(|| {
            format!(
                "{text}: a board must be given as COLUMNSxROWS inner corners, such as 9x6: one \
                 number odd, the other even, both from 3 to 40"
            )
        })
    }
}

impl std::fmt::Display for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

/// A detected board.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundBoard {
    /// The board that was searched for.
    pub board: Board,
    /// Corner positions in pixels, row by row. (0, 0) is the upper left corner of the image, so the
    /// centre of the first pixel is (0.5, 0.5). Columns run to the right as far as the pose allows.
    /// Rows run in the direction that makes the grid not mirrored.
    pub points: Vec<(f64, f64)>,
    /// Whether the square between the first four corners is bright.
    pub bright: bool,
}

/// Approximate image width for detection, in pixels. Larger images are downscaled.
const WIDTH: usize = 800;

impl Board {
    /// Finds the whole board in an image.
    pub fn find(self, picture: &ImageU8) -> Option<FoundBoard> {
        self.find_in(&Gray::of(picture))
    }

    pub(super) fn find_in(self, full: &Gray) -> Option<FoundBoard> {
        let first = full.size.width.div_ceil(WIDTH).max(1);
        // Coarser levels for blurred images, a finer level for small squares.
        let mut factors = vec![first, first * 2, first * 3];
        if first > 1 {
            factors.push(first / 2);
        }
        factors.into_iter().find_map(|factor| self.find_at(full, factor))
    }

    fn find_at(self, full: &Gray, factor: usize) -> Option<FoundBoard> {
        let reduced = if factor == 1 { full.clone() } else { full.reduced(factor) };
        let corners = find(&reduced);
        if corners.len() < self.corners() {
            return None;
        }
        let grid = self.grid(&corners)?;
        // Convert from pixel centres of the downscaled image to those of the full image.
        let scale = factor as f64;
        let rough: Vec<(f64, f64)> =
            grid.iter().map(|c| ((c.0 + 0.5) * scale - 0.5, (c.1 + 0.5) * scale - 0.5)).collect();
        let apart: Vec<f64> = (0..rough.len()).map(|i| self.nearest(&rough, i)).collect();
        let narrowest = apart.iter().copied().fold(f64::MAX, f64::min);
        // Smooth against noise as far as the square size allows. A saddle point keeps its position.
        let smooth = full.blurred((0.05 * narrowest).clamp(0.7, 3.0));
        let mut points = Vec::with_capacity(rough.len());
        for ((x, y), apart) in rough.iter().zip(apart) {
            let reach_px = (0.45 * apart).clamp(3.0, 24.0);
            let (x, y) = refine(&smooth, *x, *y, reach_px)?;
            points.push((x + 0.5, y + 0.5));
        }
        let bright = self.bright(full, &points)?;
        Some(FoundBoard { board: self, points, bright })
    }

    /// Distance to the nearest neighbour in the grid, in pixels.
    fn nearest(self, points: &[(f64, f64)], i: usize) -> f64 {
        let (column, row) = (i % self.columns, i / self.columns);
        let near = [
            (column > 0).then(|| i - 1),
            (column + 1 < self.columns).then_some(i + 1),
            (row > 0).then(|| i - self.columns),
            (row + 1 < self.rows).then_some(i + self.columns),
        ];
        let here = points.get(i);
        let distance = |j: usize| {
            let (a, b) = (here?, points.get(j)?);
            Some((a.0 - b.0).hypot(a.1 - b.1))
        };
        near.into_iter().flatten().filter_map(distance).fold(f64::MAX, f64::min)
    }

    /// Arranges the corners as a full grid, row by row, oriented as described at [`FoundBoard`].
    fn grid(self, corners: &[Corner]) -> Option<Vec<(f64, f64)>> {
        let links: Vec<[Option<(usize, usize)>; 4]> =
            (0..corners.len()).map(|i| std::array::from_fn(|k| link(corners, i, k))).collect();
        let mut seen = vec![false; corners.len()];
        for seed in 0..corners.len() {
            if seen.get(seed).copied().unwrap_or(true) {
                continue;
            }
            let labels = spread(&links, seed, &mut seen);
            if labels.len() < self.corners() {
                continue;
            }
            if let Some(grid) = self.unique_window(&labels) {
                let place = |i: &usize| corners.get(*i).map(|c| (c.x, c.y));
                let grid: Option<Vec<_>> = grid.iter().map(place).collect();
                return grid.map(|grid| self.turned(grid));
            }
        }
        None
    }

    /// The only position of the whole board among the labelled corners. `None` if there are
    /// several.
    fn unique_window(self, labels: &BTreeMap<(i32, i32), usize>) -> Option<Vec<usize>> {
        let (columns, rows) = (self.columns as i32, self.rows as i32);
        let mut found = None;
        for (u0, v0) in labels.keys() {
            for (along, across) in [((1, 0), (0, 1)), ((0, 1), (-1, 0))] {
                let at = |c: i32, r: i32| {
                    let u = u0 + along.0 * c + across.0 * r;
                    labels.get(&(u, v0 + along.1 * c + across.1 * r)).copied()
                };
                let places = (0..rows).flat_map(|r| (0..columns).map(move |c| (c, r)));
                let grid: Option<Vec<usize>> = places.map(|(c, r)| at(c, r)).collect();
                if let Some(grid) = grid {
                    // Two matches: the board is larger than the one searched for.
                    if found.is_some() {
                        return None;
                    }
                    found = Some(grid);
                }
            }
        }
        found
    }

    /// Mean steps from column to column and from row to row.
    fn steps(self, grid: &[(f64, f64)]) -> ((f64, f64), (f64, f64)) {
        let at = |c: usize, r: usize| grid.get(r * self.columns + c).copied().unwrap_or_default();
        let (last_c, last_r) = (self.columns - 1, self.rows - 1);
        let (a, b, c, d) = (at(0, 0), at(last_c, 0), at(0, last_r), at(last_c, last_r));
        let along = (b.0 - a.0 + d.0 - c.0, b.1 - a.1 + d.1 - c.1);
        let across = (c.0 - a.0 + d.0 - b.0, c.1 - a.1 + d.1 - b.1);
        (along, across)
    }

    fn turned(self, mut grid: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        let (along, _) = self.steps(&grid);
        // Columns run to the right, or down if they are vertical.
        if along.0 + 0.3 * along.1 < 0.0 {
            grid.chunks_mut(self.columns).for_each(<[_]>::reverse);
        }
        let (along, across) = self.steps(&grid);
        if along.0 * across.1 - along.1 * across.0 < 0.0 {
            grid = grid.chunks(self.columns).rev().flatten().copied().collect();
        }
        grid
    }

    /// Whether the squares whose column and row add up to an even number are bright.
    fn bright(self, gray: &Gray, points: &[(f64, f64)]) -> Option<bool> {
        let mut sums = [(0.0, 0.0); 2];
        for row in 0..self.rows - 1 {
            for column in 0..self.columns - 1 {
                let i = row * self.columns + column;
                let corners = [i, i + 1, i + self.columns, i + self.columns + 1];
                let (mut x, mut y) = (0.0, 0.0);
                for corner in corners {
                    let p = points.get(corner)?;
                    (x, y) = (x + p.0 / 4.0, y + p.1 / 4.0);
                }
                let sum = sums.get_mut((row + column) % 2)?;
                *sum = (sum.0 + f64::from(gray.sample(x - 0.5, y - 0.5)), sum.1 + 1.0);
            }
        }
        let [even, odd] = sums.map(|(sum, n)| sum / n);
        Some(even > odd)
    }
}

impl FoundBoard {
    /// Mean vectors along the columns and along the rows, over the whole board, in pixels.
    pub(super) fn steps(&self) -> ((f64, f64), (f64, f64)) {
        self.board.steps(&self.points)
    }

    /// The largest distance between corresponding corners of the two boards, in pixels.
    pub(super) fn moved_px(&self, other: &Self) -> f64 {
        if self.points.len() != other.points.len() {
            return f64::MAX;
        }
        let pairs = self.points.iter().zip(&other.points);
        pairs.map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(0.0, f64::max)
    }
}

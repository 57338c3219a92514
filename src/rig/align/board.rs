//! A chessboard, and finding it in a picture.

use super::corners::{Corner, find, refine, turn};
use super::gray::Gray;
use crate::image::{ImageU8, Size};
use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;

/// How many corners a chessboard has where four squares meet.
///
/// One number is odd and the other even: seen by any camera, mirrored or not, such a board can
/// be laid over another picture of it in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Board {
    columns: usize,
    rows: usize,
}

impl Default for Board {
    /// Ten by seven squares.
    fn default() -> Self {
        Self { columns: 9, rows: 6 }
    }
}

impl Board {
    /// A board with so many inner corners; `None` unless one number is odd, the other even, and
    /// both lie between 3 and 40.
    pub fn new(columns: usize, rows: usize) -> Option<Self> {
        let sound = |n: usize| (3..=40).contains(&n);
        let (columns, rows) = (columns.max(rows), columns.min(rows));
        let fits = sound(columns) && sound(rows) && columns % 2 != rows % 2;
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

    /// Inner corners.
    pub fn corners(self) -> usize {
        self.columns * self.rows
    }

    /// The board to be shown full screen: its squares as large as fit, on white.
    pub fn paint(self, size: Size) -> ImageU8 {
        let mut picture = ImageU8::filled(false, size, 255);
        let (across, down) = (self.columns + 1, self.rows + 1);
        let size = picture.size();
        // Half a square of margin, so that the outer squares end in white.
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
                "{text}: a board is written as 9x6, the corners where four squares meet; one \
                 number odd, the other even, 3 to 40"
            )
        })
    }
}

impl std::fmt::Display for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

/// A board that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundBoard {
    /// Which one.
    pub board: Board,
    /// Its corners in pixels, row by row, with (0, 0) at the upper left of the picture, so that
    /// the first pixel's centre is (0.5, 0.5). Columns go to the right as far as the board's
    /// position allows, rows to the side that makes it not mirrored.
    pub points: Vec<(f64, f64)>,
    /// Whether the square between the first four corners is a bright one.
    pub bright: bool,
}

/// Detection happens at about this width, in pixels: larger pictures are reduced.
const WIDTH: usize = 800;

impl Board {
    /// Finds the whole board in a picture.
    pub fn find(self, picture: &ImageU8) -> Option<FoundBoard> {
        self.find_in(&Gray::of(picture))
    }

    pub(super) fn find_in(self, full: &Gray) -> Option<FoundBoard> {
        let first = full.size.width.div_ceil(WIDTH).max(1);
        // Coarser where the picture is soft, finer where squares are small.
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
        // From centres of reduced pixels to those of full ones.
        let scale = factor as f64;
        let rough: Vec<(f64, f64)> =
            grid.iter().map(|c| ((c.0 + 0.5) * scale - 0.5, (c.1 + 0.5) * scale - 0.5)).collect();
        let apart: Vec<f64> = (0..rough.len()).map(|i| self.nearest(&rough, i)).collect();
        let narrowest = apart.iter().copied().fold(f64::MAX, f64::min);
        // Against noise as much as squares allow; a saddle stays where it is.
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

    /// Distance to the nearest neighbour in the grid.
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

    /// The corners as a full grid, row by row and turned as [`FoundBoard`] says.
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
            if let Some(grid) = self.only_window(&labels) {
                let place = |i: &usize| corners.get(*i).map(|c| (c.x, c.y));
                let grid: Option<Vec<_>> = grid.iter().map(place).collect();
                return grid.map(|grid| self.turned(grid));
            }
        }
        None
    }

    /// The one place where the whole board lies among labelled corners.
    fn only_window(self, labels: &BTreeMap<(i32, i32), usize>) -> Option<Vec<usize>> {
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
                    // Two places: it is larger than the board that is looked for.
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
        // To the right; down where it stands upright.
        if along.0 + 0.3 * along.1 < 0.0 {
            grid.chunks_mut(self.columns).for_each(<[_]>::reverse);
        }
        let (along, across) = self.steps(&grid);
        if along.0 * across.1 - along.1 * across.0 < 0.0 {
            grid = grid.chunks(self.columns).rev().flatten().copied().collect();
        }
        grid
    }

    /// Whether squares between four corners whose column and row add up to an even number are
    /// the bright ones.
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
    /// Mean steps from column to column and from row to row, in pixels of the whole board.
    pub(super) fn steps(&self) -> ((f64, f64), (f64, f64)) {
        self.board.steps(&self.points)
    }

    /// The largest distance of a corner from where it is in `other`.
    pub(super) fn moved_px(&self, other: &Self) -> f64 {
        if self.points.len() != other.points.len() {
            return f64::MAX;
        }
        let pairs = self.points.iter().zip(&other.points);
        pairs.map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(0.0, f64::max)
    }
}

/// The corner at the other end of an edge, and which of its edges leads back.
fn link(corners: &[Corner], from: usize, edge: usize) -> Option<(usize, usize)> {
    let ahead = toward(corners, from, edge)?;
    let back = toward(corners, ahead.0, ahead.1)?;
    (back.0 == from).then_some(ahead)
}

/// The nearest corner along an edge that has the same squares on either side.
fn toward(corners: &[Corner], from: usize, edge: usize) -> Option<(usize, usize)> {
    let here = corners.get(from)?;
    let angle = *here.edges.get(edge)?;
    let (ux, uy) = (angle.cos(), angle.sin());
    let bright = here.bright_after(edge);
    let mut best: Option<(f64, usize, usize)> = None;
    for (i, there) in corners.iter().enumerate() {
        let (dx, dy) = (there.x - here.x, there.y - here.y);
        let along = dx * ux + dy * uy;
        if i == from || along <= 0.0 || (dx * uy - dy * ux).abs() > 0.3 * along {
            continue;
        }
        if best.is_some_and(|b| b.0 <= along) {
            continue;
        }
        let leads_back = |k: &usize| {
            let back = there.edges.get(*k).copied().unwrap_or(f64::NAN);
            turn(back - dy.atan2(dx) - std::f64::consts::PI).abs() < 0.5
                && there.bright_after(*k) != bright
        };
        if let Some(back) = (0..4).find(leads_back) {
            best = Some((along, i, back));
        }
    }
    best.map(|(_, i, back)| (i, back))
}

/// Labels all corners that are linked to `seed` by column and row.
fn spread(
    links: &[[Option<(usize, usize)>; 4]],
    seed: usize,
    seen: &mut [bool],
) -> BTreeMap<(i32, i32), usize> {
    let mut labels = BTreeMap::from([((0, 0), seed)]);
    // A corner, its label, and how its edges are turned against the seed's.
    let mut queue = VecDeque::from([(seed, (0, 0), 0_usize)]);
    if let Some(s) = seen.get_mut(seed) {
        *s = true;
    }
    while let Some((corner, (u, v), turned)) = queue.pop_front() {
        let Some(edges) = links.get(corner) else { continue };
        for (edge, there) in edges.iter().enumerate() {
            let Some((next, back)) = *there else { continue };
            let step = (edge + turned) % 4;
            let (du, dv) =
                [(1, 0), (0, 1), (-1, 0), (0, -1)].get(step).copied().unwrap_or_default();
            let Some(known) = seen.get_mut(next) else { continue };
            if *known {
                continue;
            }
            *known = true;
            let label = (u + du, v + dv);
            labels.entry(label).or_insert(next);
            // The edge that leads back goes against the step.
            queue.push_back((next, label, (step + 2 + 4 - back) % 4));
        }
    }
    labels
}
